"""Public functions on study folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ebb_train.study
from tests.helpers.simulated_study import METHODS, simulated_opinions
from tests.helpers.stored_votes import write_study

if TYPE_CHECKING:
    from pathlib import Path


def test_paths_may_be_text(tmp_path: Path) -> None:
    folder = str(write_study(tmp_path / "study", simulated_opinions(0, raters=6, images=8)))
    report = ebb_train.study.report_study(folder, str(tmp_path / "report"))
    assert all(path.is_file() for path in report.files)
    tables = ebb_train.study.export_study(folder, tmp_path / "tables")
    assert (tmp_path / "tables" / "votes.parquet") in tables.files
    assert set(ebb_train.study.read_opinions(folder).methods) == set(METHODS)
