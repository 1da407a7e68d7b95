"""Verify finds what changed on disk, and names it."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

import ebb
from ebb.errors import InvalidInput, UsageError
from ebb.progress import SilentProgress
from ebb.settings import ShardSettings
from ebb.stages import shard, verify
from ebb.workspace import Workspace
from tests.helpers.settings import RUN


def run(workspace: Workspace, *, with_inputs: bool = False) -> verify.VerifyReport:
    return verify.run(workspace.root, RUN, SilentProgress(), with_inputs=with_inputs)


@pytest.fixture
def sharded(ready: Workspace) -> Workspace:
    shard.run(ready, ShardSettings(test=1, val=0), SilentProgress())
    return ready


def test_an_undamaged_data_set(sharded: Workspace) -> None:
    report = run(sharded, with_inputs=True)
    assert report.problems == []
    assert (report.num_files, report.num_rows) == (3 * 3 + 9 + 2 + 3, 3)


def test_a_flipped_bit_in_any_file_is_found(sharded: Workspace) -> None:
    rng = random.Random(1)
    shards, photos = sorted(sharded.shards.glob("*.parquet")), sorted(sharded.root.glob("pairs/*/*.png"))
    alone = [sharded.shards / "README.md", sharded.settings_file, sharded.catalog_file]
    for path in [rng.choice(shards), *rng.sample(photos, 2), *alone]:
        sound = path.read_bytes()
        data = bytearray(sound)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        problems = run(sharded).problems
        assert problems, path
        assert all(path.name in problem for problem in problems)
        path.write_bytes(sound)


def test_a_flipped_bit_in_the_index_is_found(sharded: Workspace) -> None:
    rng = random.Random(2)
    path = sharded.shards / "DATASET.json"
    sound = path.read_bytes()
    for place in rng.sample(range(len(sound) - 1), 100):
        data = bytearray(sound)
        data[place] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        with pytest.raises(InvalidInput, match=r"DATASET\.json: .*ebb shard"):
            run(sharded)


def test_a_damaged_state_is_found(sharded: Workspace) -> None:
    sharded.state._db.execute("UPDATE files SET detail='other'")
    with pytest.raises(InvalidInput, match=r"state\.sqlite: the file is damaged: "):
        run(sharded)


def test_missing_and_extra_shards(sharded: Workspace) -> None:
    path = next(sharded.shards.glob("train-*.parquet"))
    shutil.copy(path, sharded.shards / "train-00007-of-00009.parquet")
    path.unlink()
    problems = run(sharded).problems
    assert any("train-00007-of-00009.parquet: not part of the data set" in line for line in problems)
    assert any(path.name in line for line in problems)


def test_shards_without_a_dataset_folder(sharded: Workspace, tmp_path: Path) -> None:
    shutil.copytree(sharded.shards, tmp_path / "bare")
    shutil.copytree(sharded.shards, tmp_path / "parent" / "shards")
    for folder in (tmp_path / "bare", tmp_path / "parent"):
        report = verify.run(folder, RUN, SilentProgress(), with_inputs=False)
        assert (report.num_files, report.num_rows, report.problems) == (3, 3, [])
    with pytest.raises(UsageError, match="--inputs needs the whole dataset folder"):
        verify.run(folder, RUN, SilentProgress(), with_inputs=True)
    next(folder.glob("shards/test-*.parquet")).write_bytes(b"")
    assert verify.run(folder, RUN, SilentProgress(), with_inputs=False).problems


def test_unfinished_shards(ready: Workspace) -> None:
    with pytest.raises(InvalidInput, match="the shards are not finished"):
        run(ready)


def test_a_scene_in_two_splits_is_found(tmp_path: Path) -> None:
    wide, first, second, other = np.random.default_rng(0).integers(0, 256, (4, 32, 48, 3), np.uint8)
    train, test = [(wide, first, None), (other, first, None)], [(wide, second, None)]
    dataset = ebb.write_dataset(tmp_path / "set", train=train, test=test)
    scene = dataset[0].record.scene
    assert dataset.verify(workers=1).problems == [f"scene {scene}: its pairs are in train and test"]
    apart = ebb.write_dataset(tmp_path / "apart", train=[*train, *test])
    assert apart.verify(workers=1).problems == []
    assert apart.to_pandas()["scene"].tolist() == [scene, apart[1].pair_id, scene]


def test_an_index_in_other_bytes_is_found(sharded: Workspace) -> None:
    path = sharded.shards / "DATASET.json"
    values = json.loads(path.read_bytes())
    path.write_text(json.dumps(values, indent=1))
    assert run(sharded).problems == ["DATASET.json: not the bytes that ebb wrote for these values"]
    path.write_bytes(json.dumps(values).encode("utf-16"))
    with pytest.raises(InvalidInput, match=r"DATASET\.json: not JSON: 'utf-8' codec"):
        run(sharded)
