"""Status of a dataset folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from ebb.errors import Reason, Status
from ebb.measurements import QUALITY
from ebb.progress import SilentProgress
from ebb.report.status import dataset_status
from ebb.results import ALIGN
from ebb.settings import AlignSettings, DepthSettings, ShardSettings
from ebb.stages import align, depth, shard
from ebb.workspace import open_workspace, read_workspace
from tests.helpers.settings import RUN


def test_counts_and_states_of_pairs(root: Path) -> None:
    with read_workspace(root) as workspace:
        report = dataset_status(workspace)
    assert (report.files, report.captures_set_aside) == (10, 2)
    align, depth, shards = report.stages
    assert (align.stage, align.done, align.rejected, align.failed, align.left) == ("align", 2, 1, 0, 0)
    assert (depth.stage, depth.done, depth.rejected, depth.failed, depth.left) == ("depth", 2, 0, 0, 0)
    assert (shards.stage, shards.done, shards.rejected, shards.failed, shards.left) == ("shard", 2, 0, 0, 0)
    fates = {pair.wide: (pair.stage, pair.status, pair.reason, pair.split) for pair in report.pairs}
    assert fates["IMG_0001.JPG"][:2] == ("shard", Status.OK)
    assert sorted(fates[name][3] for name in ("IMG_0001.JPG", "IMG_0003.JPG")) == ["test", "train"]
    assert fates["IMG_0011.JPG"][:2] == ("align", Status.REJECTED)
    assert report.as_dict()["stages"][0]["left"] == 0


def test_with_other_settings_everything_is_left(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "set")
    with open_workspace(tmp_path / "set") as workspace:
        workspace.save_settings(align=AlignSettings(height=128))
        report = dataset_status(workspace)
    assert [stage.left for stage in report.stages] == [3, 0, 2]
    assert {pair.status for pair in report.pairs} == {None}


def test_a_pair_that_the_shards_leave_out_has_a_reason_and_no_split(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "set")
    with open_workspace(tmp_path / "set") as workspace:
        before = {pair.pair_id: pair for pair in dataset_status(workspace).pairs if pair.split}
        rows = workspace.state.stage_rows(ALIGN)
        ranks = {key: rows[key].value.measurements[QUALITY] for key in before}  # type: ignore[union-attr]
        worst, best = sorted(ranks, key=lambda key: ranks[key])
        limit = (ranks[worst] + ranks[best]) / 2
        made = shard.run(workspace, ShardSettings(test=1, val=0, min_quality=limit), SilentProgress())
        report = dataset_status(workspace)
        after = {pair.pair_id: pair for pair in report.pairs}
        assert after[best] == before[best]
        left_out = after[worst]
        assert (left_out.split, left_out.stage, left_out.status) == ("", "shard", Status.REJECTED)
        assert left_out.reason is Reason.LOW_QUALITY
        assert f"less than --min-quality {limit:g}" in left_out.detail
        counts = report.stages[2]
        assert (counts.done, counts.rejected, counts.left) == (sum(made.splits.values()), 1, 0)
        shard.run(workspace, ShardSettings(test=1, val=0), SilentProgress())
        assert {pair.pair_id: pair for pair in dataset_status(workspace).pairs if pair.split} == before


def test_shards_of_earlier_settings_are_left(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "set")
    with open_workspace(tmp_path / "set") as workspace:
        settings = replace(workspace.settings(AlignSettings), height=192)
        align.run(workspace, settings, RUN, SilentProgress())
        depth.run(workspace, workspace.settings(DepthSettings), RUN, SilentProgress())
        counts = dataset_status(workspace).stages[2]
        assert (counts.done, counts.left) == (0, 2)
        shard.run(workspace, ShardSettings(test=1, val=0), SilentProgress())
        counts = dataset_status(workspace).stages[2]
        assert (counts.done, counts.left) == (2, 0)
