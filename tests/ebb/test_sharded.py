"""What the shards of a dataset folder hold, and why a pair is in none."""

from __future__ import annotations

import shutil
from pathlib import Path

from ebb.arrays import Rect, Size
from ebb.dataset.catalog import pairs_of, read_catalog
from ebb.dataset.index import INDEX_NAME, read_index
from ebb.errors import Reason
from ebb.measurements import QUALITY
from ebb.pipeline import PipelineReport
from ebb.results import StoredAlignment
from ebb.settings import AlignSettings, DepthSettings, ShardSettings
from ebb.sharded import Sharded, dataset_settings, known_splits, pair_time, read_sharded, why_left_out
from ebb.workspace import Workspace, open_workspace


def read(workspace: Workspace) -> Sharded:
    return read_sharded(workspace, pairs_of(read_catalog(workspace.catalog_file)))


def test_the_splits_are_those_of_the_shards(finished: PipelineReport) -> None:
    with open_workspace(Path(finished.dataset)) as workspace:
        found = read(workspace)
        index = read_index(workspace.shards)
        counts = {split: list(found.splits.values()).count(split) for split in ("train", "val", "test")}
        assert counts == {split: index.num_pairs(split) for split in ("train", "val", "test")}  # type: ignore[arg-type]
        assert (found.settings, found.is_current) == (workspace.settings(ShardSettings), True)
        assert found.conflicts == frozenset()
        assert known_splits(workspace).items() >= found.splits.items()


def test_shards_become_outdated_by_settings_that_change_them(
    finished: PipelineReport, tmp_path: Path
) -> None:
    shutil.copytree(finished.dataset, tmp_path / "set")
    with open_workspace(tmp_path / "set") as workspace:
        workspace.save_settings(depth=DepthSettings(provider="sidecar", device="cpu"))
        assert read(workspace).is_current, "the device does not change the maps"
        workspace.save_settings(depth=DepthSettings(provider="sidecar", sidecar_values="distance"))
        assert not read(workspace).is_current
        workspace.save_settings(depth=DepthSettings(provider="sidecar"), align=AlignSettings(height=128))
        assert not read(workspace).is_current


def test_unfinished_or_damaged_shards_count_as_absent(finished: PipelineReport, tmp_path: Path) -> None:
    shutil.copytree(finished.dataset, tmp_path / "set")
    with open_workspace(tmp_path / "set") as workspace:
        (workspace.shards / INDEX_NAME).write_text("{")
        assert read(workspace) == Sharded()
        (workspace.shards / INDEX_NAME).unlink()
        assert read(workspace) == Sharded()


def test_settings_of_a_data_set_hold_no_paths(finished: PipelineReport, tmp_path: Path) -> None:
    shutil.copytree(finished.dataset, tmp_path / "set")
    with open_workspace(tmp_path / "set") as workspace:
        weights = DepthSettings(weights=tmp_path / "net.pth", model=str(tmp_path / "net.onnx"))
        workspace.save_settings(depth=weights)
        assert str(tmp_path) not in str(dataset_settings(workspace))


def test_pairs_of_one_wide_photo_are_a_scene(finished: PipelineReport) -> None:
    with open_workspace(Path(finished.dataset)) as workspace:
        pairs = pairs_of(read_catalog(workspace.catalog_file))
    times = [pair_time(pair) for pair in pairs]
    assert [time.pair_id for time in times] == [pair.pair_id for pair in pairs]
    assert len({time.scene for time in times}) == len({pair.wide.sha256 for pair in pairs})


def test_why_a_pair_is_left_out() -> None:
    limits = AlignSettings()

    def why(quality: float | None, min_quality: float) -> str:
        measured = {} if quality is None else {QUALITY: quality}
        aligned = StoredAlignment(size=Size(4, 4), crop=Rect(0, 0, 4, 4), measurements=measured)
        found = why_left_out(aligned, ShardSettings(min_quality=min_quality), limits)
        assert found is None or found.reason is Reason.LOW_QUALITY
        return found.message if found else ""

    assert why(0.4, 0.4) == why(None, 0.0) == ""
    assert why(0.4, 0.5) == "quality rank 0.4, less than --min-quality 0.5"
    assert why(None, 0.1) != "", "an unknown quality passes only without a limit"
