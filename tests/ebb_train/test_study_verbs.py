"""The verbs of studies that read votes: report and export, and the scores in a benchmark."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ebb.command import run_verb
from ebb.errors import ExitCode
from ebb_train.cli import app
from tests.helpers.simulated_study import METHODS, simulated_opinions, simulated_pairs
from tests.helpers.stored_votes import write_study

if TYPE_CHECKING:
    from pathlib import Path


def test_report_prints_ranks_and_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = simulated_opinions(0)
    folder = write_study(tmp_path / "study", study)
    assert run_verb(app, ["study", "report", str(folder)]) == ExitCode.DONE
    said = capsys.readouterr().out
    assert study.plan.sha256 in said
    assert "15 used" in said
    assert f"next: ebb-train study export {folder}" in said
    assert (folder / "report" / "index.html").exists()


def test_report_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_study(tmp_path / "study", simulated_pairs(0, raters=6, images=6))
    assert (
        run_verb(app, ["study", "report", str(folder), "--out", str(tmp_path / "out"), "--json"])
        == ExitCode.DONE
    )
    found = json.loads(capsys.readouterr().out)
    assert found["methods"] == list(METHODS)
    assert found["files"][0] == str(tmp_path / "out" / "index.html")
    assert not (folder / "report").exists()


def test_export_names_the_dictionary_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_study(tmp_path / "study", simulated_opinions(0, raters=6, images=6))
    assert run_verb(app, ["study", "export", str(folder)]) == ExitCode.DONE
    said = capsys.readouterr().out
    assert f"look at: {folder / 'export' / 'data_dictionary.csv'}" in said
    assert "--study" in said
    assert (folder / "export" / "votes.parquet").exists()


@pytest.mark.parametrize("verb", ["report", "export"])
def test_what_is_no_study_is_one_line(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb(app, ["study", verb, str(tmp_path)]) == ExitCode.INVALID_INPUT
    assert "not a study" in capsys.readouterr().err
    empty = write_study(tmp_path / "study", simulated_opinions(0, raters=0))
    assert run_verb(app, ["study", verb, str(empty)]) == ExitCode.INVALID_INPUT
    assert "no votes yet" in capsys.readouterr().err


def test_a_benchmark_refuses_a_study_of_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_study(tmp_path / "study", simulated_pairs(0, raters=4, images=6))
    arguments = ["benchmark", str(tmp_path), "--out", str(tmp_path / "out"), "--study", str(folder)]
    assert run_verb(app, arguments) == ExitCode.USAGE
    assert "asks for preferences" in capsys.readouterr().err
