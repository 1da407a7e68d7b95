"""The verbs of studies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ebb.command import run_verb
from ebb.errors import ExitCode
from ebb_train import study_verbs
from ebb_train.cli import app
from ebb_train.study.pictures import PICTURES
from ebb_train.study.serve import Participation
from tests.helpers.simulated_study import METHODS, simulated_opinions, simulated_pairs
from tests.helpers.stored_votes import write_study
from tests.helpers.study_folders import picture_folders, small_study

if TYPE_CHECKING:
    from pathlib import Path


def test_a_study_is_made_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    targets, named = picture_folders(tmp_path, 2, 3)
    study = tmp_path / "study"
    methods = [part for name in named for part in ("--method", name)]
    assert run_verb(app, ["study", "new", str(study), "--reference", str(targets), *methods, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["images"], made["methods"], made["answer"]) == (3, ["m0", "m1"], "opinion")
    assert made["next"] == f"ebb-train study serve {study}"
    assert run_verb(app, ["study", "check", str(study)]) == 0
    assert "complete and unchanged" in capsys.readouterr().out


def test_settings_are_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    targets, named = picture_folders(tmp_path, 2, 3)
    methods = [part for name in named for part in ("--method", name)]
    flags = [
        "--answer",
        "pair",
        "--questions",
        "9",
        "--repeats",
        "1",
        "--title",
        "Which?",
        "--pictures",
        "jpeg",
    ]
    arguments = ["study", "new", str(tmp_path / "study"), "--reference", str(targets), *methods, *flags]
    assert run_verb(app, [*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answer"] == "pair"
    text = (tmp_path / "study" / "study.toml").read_text()
    assert 'title = "Which?"' in text
    assert "repeats = 1" in text


def test_faults_have_an_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = small_study(tmp_path, methods=1, images=2).folder
    next((study / PICTURES).iterdir()).unlink()
    assert run_verb(app, ["study", "check", str(study)]) == 4
    assert "is missing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["new", "{new}", "--reference", "{none}", "--method", "a={none}"], 4, "no such folder"),
        (["new", "{new}", "--reference", "{none}"], 2, "--method"),
        (["new", "{new}", "--reference", "{none}", "--method", "a=x", "--questions", "1"], 2, "leave none"),
        (["new", "{new}", "--reference", "{none}", "--method", "a=x", "--answer", "rank"], 2, "rank"),
        (["check", "{none}"], 4, "no such folder"),
        (["serve", "{none}"], 4, "no such folder"),
        (["serve", "{none}", "--port", "-1"], 2, "--port"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [part.format(new=tmp_path / "new", none=tmp_path / "none") for part in arguments]
    assert run_verb(app, ["study", *filled]) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_serving_ends_with_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = Participation(sessions=2, finished=1, deleted=0, votes=30)
    monkeypatch.setattr("ebb_train.study.serve.serve_study", lambda *_: counts)
    assert run_verb(app, ["study", "serve", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "every vote is stored: 2 sessions, 1 finished, 0 deleted, 30 votes" in out
    assert f"next: ebb-train study report {tmp_path}" in out


def test_the_help_names_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb(app, ["study", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("new", "check", "serve"))
    assert study_verbs.study_app.__doc__


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
