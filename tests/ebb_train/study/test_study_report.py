"""Reports and exports of a study folder."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ebb.errors import OutputError, UsageError
from ebb_train.study import study_report
from ebb_train.study.study_report import (
    DICTIONARY,
    PAGE,
    RESULTS,
    export_study,
    opinions_of,
    read_opinions,
    write_report,
)
from tests.helpers.simulated_study import METHODS, simulated_opinions, simulated_pairs
from tests.helpers.stored_votes import write_study

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_study(tmp_path / "study", simulated_opinions(0))


def test_a_report_is_a_page_and_its_numbers(folder: Path) -> None:
    found = write_report(folder)
    assert found.files == (folder / "report" / PAGE, folder / "report" / RESULTS)
    assert found.notes == ()
    page = (folder / "report" / PAGE).read_text()
    assert found.analysis.plan.sha256 in page
    assert 'href="results.json"' in page
    numbers = json.loads((folder / "report" / RESULTS).read_text())
    assert numbers["used"]["comparison"]["scores"][0]["name"] == "good"
    assert "files" in found.as_dict()
    text = found.text()
    assert "sessions: 16 started, 16 finished, 15 used" in text
    assert text.splitlines()[0] == "Mean opinion scores"
    assert [line.split()[0] for line in text.splitlines()[3:6]] == list(METHODS)


def test_equal_votes_give_equal_bytes(folder: Path, tmp_path: Path) -> None:
    first, second = write_report(folder, tmp_path / "a"), write_report(folder, tmp_path / "b")
    assert [path.read_bytes() for path in first.files] == [path.read_bytes() for path in second.files]
    one, other = export_study(folder, tmp_path / "c"), export_study(folder, tmp_path / "d")
    assert [path.read_bytes() for path in one.files] == [path.read_bytes() for path in other.files]


def test_a_report_without_permission_to_store_exclusions(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OutputError("read-only", path="study.sqlite")

    monkeypatch.setattr(study_report, "store_exclusions", refuse)
    found = write_report(folder)
    assert "exclusions are not stored beside the votes: study.sqlite: read-only" in found.notes


def test_an_export_has_every_table_and_a_dictionary(folder: Path) -> None:
    found = export_study(folder)
    names = {path.name for path in found.files}
    tables = {"votes", "raters", "stimuli", "methods", "differences"}
    assert names == {f"{table}.{suffix}" for table in tables for suffix in ("csv", "parquet")} | {
        DICTIONARY,
        RESULTS,
    }
    described = {
        row["table"] for row in csv.DictReader(io.StringIO((folder / "export" / DICTIONARY).read_text()))
    }
    assert described == tables
    assert all(path.exists() for path in found.files)


def test_scores_for_a_benchmark(folder: Path) -> None:
    found = read_opinions(folder)
    report = write_report(folder).analysis
    assert found.name == "simulated"
    assert found.plan_sha256 == report.plan.sha256
    assert list(found.methods) == list(METHODS)
    assert found.methods["good"].rank == 1
    assert len(found.pictures) == 24 * 3
    assert {method for _, method in found.pictures} == set(METHODS)


def test_studies_without_scores_are_refused() -> None:
    with pytest.raises(UsageError, match="asks for preferences"):
        opinions_of(simulated_pairs(0, raters=4, images=6))
    study = simulated_opinions(0, raters=3, images=6)
    strict = replace(study, plan=replace(study.plan, min_median_seconds=100.0))
    with pytest.raises(UsageError, match="exclude all raters"):
        opinions_of(strict)
