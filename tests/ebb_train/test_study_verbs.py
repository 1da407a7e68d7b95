from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ebb.command import run_verb
from ebb_train import study_verbs
from ebb_train.cli import app
from ebb_train.study.pictures import PICTURES
from ebb_train.study.serve import Participation
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
