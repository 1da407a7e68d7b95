"""Settings changed, the run stopped at any change on disk, settings changed back: no byte differs."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from ebb.aligned_pair import AlignedPair, CameraFile, align_sources
from ebb.dataset.index import INDEX_NAME, read_index
from ebb.dataset.staging import STAGING
from ebb.dataset.verify import verify_shard
from ebb.progress import SilentProgress
from ebb.settings import AlignSettings, DepthSettings, RunSettings, ShardSettings
from ebb.stages import align, depth, ingest, shard
from ebb.workspace import open_workspace
from tests.helpers.captures import write_card
from tests.helpers.interruptions import Interruption, Killed, run_here
from tests.helpers.settings import SETTINGS

RUN = RunSettings(workers=1)
STEP = 13
"""Of some hundred changes, every thirteenth is tried; 1 tries all, in a minute."""


def build(root: Path, height: int, *, keep_float: bool = False) -> None:
    """All stages after ingest."""
    depths = DepthSettings(provider="sidecar", keep_float=keep_float)
    with open_workspace(root) as workspace:
        align.run(workspace, AlignSettings(height=height), RUN, SilentProgress())
        depth.run(workspace, depths, RUN, SilentProgress())
        shard.run(workspace, ShardSettings(test=1, val=0), SilentProgress())


def contents(root: Path) -> dict[str, bytes]:
    folders = (root / "shards", root / "pairs")
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of two pairs; only the first one is registered, and that once."""
    known: list[AlignedPair] = []

    def quickly(wide: CameraFile, shallow: CameraFile, settings: AlignSettings) -> AlignedPair:
        if not known:
            known.append(align_sources(wide, shallow, settings))
        photos = [cv2.imdecode(np.frombuffer(file.read(), np.uint8), 1) for file in (wide, shallow)]
        size = (settings.height * 3 // 2, settings.height)
        first, second = (cv2.resize(photo, size).astype(np.uint8) for photo in photos)
        return known[0]._replace(wide=first, shallow=second)

    monkeypatch.setattr("ebb.runner.local.run_items", run_here)
    monkeypatch.setattr(align, "align_sources", quickly)
    write_card(tmp_path / "raw", 2)
    root = tmp_path / "set"
    with open_workspace(root, create=True) as workspace:
        ingest.run(workspace, tmp_path / "raw", SETTINGS.ingest, RUN, SilentProgress())
    build(root, 256)
    return root


def is_complete(staging: Path) -> bool:
    """A set that is moved into place by the next run, whatever of it was moved already."""
    return (staging / INDEX_NAME).exists()


def is_whole(shards: Path) -> bool:
    index = read_index(shards)
    return not any(verify_shard(shards / name, entry) for name, entry in index.shards.items())


def test_settings_changed_and_changed_back_give_the_same_bytes(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = contents(finished)
    run = Interruption(monkeypatch)
    shutil.copytree(finished, tmp_path / "other")
    with run.stopped_at(None):
        build(tmp_path / "other", 128, keep_float=True)
    assert len(contents(tmp_path / "other")) == len(expected) + 2
    for number in range(1, run.changes + 1, STEP):
        root = tmp_path / f"stopped-{number}"
        shutil.copytree(finished, root)
        with pytest.raises(Killed), run.stopped_at(number):
            build(root, 128, keep_float=True)
        shards = root / "shards"
        assert is_whole(shards) if (shards / INDEX_NAME).exists() else is_complete(shards / STAGING), number
        build(root, 256)
        assert contents(root) == expected, number
        shutil.rmtree(root)


def test_a_lost_state_is_rebuilt(finished: Path, tmp_path: Path) -> None:
    expected = contents(finished)
    (finished / "state.sqlite").unlink()
    with open_workspace(finished, create=True) as workspace:
        ingest.run(workspace, tmp_path / "raw", SETTINGS.ingest, RUN, SilentProgress())
    build(finished, 256)
    assert contents(finished) == expected
