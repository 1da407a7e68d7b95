"""``refused.csv`` of imports."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from ebb.progress import SilentProgress
from ebb.report.refused_list import COLUMNS, write_refused_list
from ebb.results import ALIGN
from ebb.scan.data_set import Request
from ebb.settings import AlignSettings, ShardSettings
from ebb.stages import align, import_
from ebb.workspace import Workspace, open_workspace
from tests.helpers.published import SHIFT, write_data_set
from tests.helpers.settings import RUN


def listed(workspace: Workspace) -> list[dict[str, str]]:
    path = write_refused_list(workspace)
    assert path == workspace.root / "refused.csv"
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert tuple(reader.fieldnames or ()) == COLUMNS
    return rows


def test_the_list_of_unchanged_pairs(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "EBB", "ebb", ["good", "shifted", "strangers"])
    with open_workspace(tmp_path / "set", create=True) as workspace:
        import_.run(workspace, Request(source=folder), AlignSettings(), RUN, SilentProgress())
        shifted, strangers = listed(workspace)
        assert (shifted["wide"], shifted["split"], shifted["status"]) == (
            "train/original/2.png",
            "train",
            "kept",
        )
        assert (shifted["reason"], shifted["all_reasons"]) == ("misaligned", "misaligned")
        assert "px apart" in shifted["detail"]
        assert float(shifted["shift_x_px"]) == pytest.approx(-SHIFT[0], abs=0.1)
        assert float(shifted["shift_y_px"]) == pytest.approx(-SHIFT[1], abs=0.1)
        assert float(shifted["registered_residual_px"]) < 0.1 < 5 < float(shifted["residual_px"])
        assert (strangers["reason"], strangers["quality_rank"]) == ("too_few_matches", "0")
        assert strangers["shift_x_px"] == strangers["residual_px"] == ""
        workspace.save_settings(shard=ShardSettings(refuse=True))
        assert {row["status"] for row in listed(workspace)} == {"left_out"}
        rows = workspace.state.stage_rows(ALIGN)
        for row in rows.values():
            assert row.value is not None
            workspace.state.put_stage(replace(row, value=replace(row.value, is_measured_only=False)))
        assert write_refused_list(workspace) is None
        assert not workspace.refused_list.exists()


def test_the_list_of_pairs_that_were_to_be_aligned(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "EBB", "ebb", ["shifted", "strangers"])
    with open_workspace(tmp_path / "set", create=True) as workspace:
        request = Request(source=folder, realign=True)
        import_.run(workspace, request, AlignSettings(), RUN, SilentProgress())
        align.run(workspace, AlignSettings(height=0), RUN, SilentProgress())
        (row,) = listed(workspace)
        assert (row["status"], row["reason"]) == ("rejected", "too_few_matches")
        assert row["wide"] == "train/original/2.png"


def test_camera_files_are_not_listed(root: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(root, tmp_path / "set")
    with open_workspace(tmp_path / "set") as workspace:
        assert write_refused_list(workspace) is None
