"""Import of EBB! folders: the release, the challenge without depth, and damaged ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ebb.dataset.catalog import pairs_of, read_catalog
from ebb.errors import InvalidInput, Reason, Status
from ebb.progress import SilentProgress
from ebb.results import DEPTH, DepthMap
from ebb.settings import DepthSettings, ShardSettings
from ebb.stages import depth, import_, shard
from ebb.workspace import Workspace, open_workspace
from tests.helpers.captures import scene
from tests.helpers.datasets import read_records
from tests.helpers.ebb_release import release, write_image
from tests.helpers.icc import ADOBE_RGB, curve, matrix_profile
from tests.helpers.settings import RUN


def run(workspace: Workspace, folder: Path) -> dict[str, object]:
    return import_.run(workspace, folder, RUN, SilentProgress()).as_dict()


def test_the_release_becomes_shards_in_its_own_splits(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "set", create=True) as workspace:
        assert run(workspace, release(tmp_path / "EBB"))["ok"] == 3
        pairs = pairs_of(read_catalog(workspace.catalog_file))
        assert [pair.wide.name for pair in pairs if "train" in pair.wide.name] == [
            "train/original/2.jpg",
            "train/original/10.jpg",
        ]
        report = shard.run(workspace, ShardSettings(test=0, val=0), SilentProgress())
        assert report.splits == {"train": 2, "val": 0, "test": 1}
        (record,) = read_records(workspace.shards / "test-00000-of-00001.parquet")
        assert (record.depth_provider, record.source_wide, record.height) == ("import", "0.jpg", 96)
        assert run(workspace, tmp_path / "EBB")["unchanged"] == 3


def test_depth_maps_of_some_pairs_only(tmp_path: Path) -> None:
    folder = release(tmp_path / "EBB")
    (folder / "test" / "original_depth" / "0.png").unlink()
    with open_workspace(tmp_path / "set", create=True) as workspace:
        assert run(workspace, folder)["ok"] == 3
        report = shard.run(workspace, ShardSettings(test=0, val=0), SilentProgress())
        assert report.splits == {"train": 2, "val": 0, "test": 1}
        (record,) = read_records(workspace.shards / "test-00000-of-00001.parquet")
        assert (record.depth_provider, record.depth) == ("none", None)
        (record, _) = read_records(workspace.shards / "train-00000-of-00001.parquet")
        assert record.depth_provider == "import"
        assert record.depth is not None


def test_without_depth_maps_there_are_shards_without(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "set", create=True) as workspace:
        run(workspace, release(tmp_path / "EBB", depth=False))
        report = shard.run(workspace, ShardSettings(), SilentProgress())
        assert report.splits == {"train": 2, "val": 0, "test": 1}


def test_a_computed_depth_map_survives_another_import(tmp_path: Path) -> None:
    folder = release(tmp_path / "EBB", depth=False)
    with open_workspace(tmp_path / "set", create=True) as workspace:
        run(workspace, folder)
        (row, *_) = workspace.state.stage_rows(DEPTH).values()
        made = replace(row, key="of a network", value=DepthMap(provider="megadepth", recipe="megadepth"))
        workspace.state.put_stage(made)
        assert run(workspace, folder)["unchanged"] == 3
        assert workspace.state.stage_rows(DEPTH)[row.pair_id] == made


def test_a_depth_map_added_later_is_imported(tmp_path: Path) -> None:
    folder = release(tmp_path / "EBB")
    path = folder / "test" / "original_depth" / "0.png"
    depth_file = path.read_bytes()
    path.unlink()
    with open_workspace(tmp_path / "set", create=True) as workspace:
        run(workspace, folder)
        path.write_bytes(depth_file)
        assert run(workspace, folder)["unchanged"] == 2
        shard.run(workspace, ShardSettings(test=0, val=0), SilentProgress())
        (record,) = read_records(workspace.shards / "test-00000-of-00001.parquet")
        assert record.depth_provider == "import"
        assert record.depth is not None


def test_wide_gamut_photos_are_imported_as_srgb(tmp_path: Path) -> None:
    folder = release(tmp_path / "EBB", depth=False)
    for path in folder.glob("train/*/2.jpg"):
        Image.open(path).save(path, quality=95, icc_profile=matrix_profile(ADOBE_RGB, curve(563)))
    with open_workspace(tmp_path / "set", create=True) as workspace:
        assert run(workspace, folder)["ok"] == 3


def test_without_depth_maps_they_can_be_made_later(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "set", create=True) as workspace:
        run(workspace, release(tmp_path / "EBB", depth=False))
        depth.run(workspace, DepthSettings(provider="none"), RUN, SilentProgress())
        assert shard.run(workspace, ShardSettings(), SilentProgress()).num_shards > 0


def test_damaged_and_odd_files_are_rows(tmp_path: Path) -> None:
    folder = release(tmp_path / "EBB")
    (folder / "train" / "bokeh" / "2.jpg").write_bytes(b"no photo")
    write_image(folder / "train" / "original_depth" / "10.png", np.zeros((7, 7), np.uint8))
    write_image(folder / "train" / "original" / "77.jpg", scene(1, (160, 96)))
    with open_workspace(tmp_path / "set", create=True) as workspace:
        report = run(workspace, folder)
        rows = read_catalog(workspace.catalog_file)
    assert report["ok"] == 1
    assert report["reasons"] == {"unreadable": 1, "bad_depth": 1, "missing_partner": 1}
    broken = next(row for row in rows if row.status is Status.ERROR)
    assert (broken.name, broken.reason) == ("train/bokeh/2.jpg", Reason.UNREADABLE)


def test_photos_of_different_size_are_refused(tmp_path: Path) -> None:
    folder = release(tmp_path / "EBB")
    write_image(folder / "test" / "bokeh" / "0.jpg", scene(1, (162, 96)))
    with open_workspace(tmp_path / "set", create=True) as workspace:
        assert run(workspace, folder)["reasons"] == {"corrupt_input": 1}


def test_not_an_ebb_folder(tmp_path: Path) -> None:
    with (
        open_workspace(tmp_path / "set", create=True) as workspace,
        pytest.raises(InvalidInput, match="no pairs here .*train/original"),
    ):
        run(workspace, tmp_path)
