"""Status of a dataset folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from ebb.errors import Status
from ebb.report.status import dataset_status
from ebb.settings import AlignSettings
from ebb.workspace import open_workspace, read_workspace


def test_counts_and_states_of_pairs(root: Path) -> None:
    with read_workspace(root) as workspace:
        report = dataset_status(workspace)
    assert (report.files, report.captures_set_aside) == (10, 2)
    align, depth = report.stages
    assert (align.stage, align.done, align.rejected, align.failed, align.left) == ("align", 2, 1, 0, 0)
    assert (depth.stage, depth.done, depth.rejected, depth.failed, depth.left) == ("depth", 2, 0, 0, 0)
    fates = {pair.wide: (pair.stage, pair.status, pair.reason, pair.split) for pair in report.pairs}
    assert fates["IMG_0001.JPG"][:2] == ("depth", Status.OK)
    assert sorted(fates[name][3] for name in ("IMG_0001.JPG", "IMG_0003.JPG")) == ["test", "train"]
    assert fates["IMG_0011.JPG"][:2] == ("align", Status.REJECTED)
    assert report.as_dict()["stages"][0]["left"] == 0


def test_with_other_settings_everything_is_left(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "set")
    with open_workspace(tmp_path / "set") as workspace:
        workspace.save_settings(align=AlignSettings(height=128))
        report = dataset_status(workspace)
    assert [stage.left for stage in report.stages] == [3, 0]
    assert {pair.status for pair in report.pairs} == {None}
