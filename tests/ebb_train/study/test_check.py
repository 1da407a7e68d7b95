from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ebb.errors import InvalidInput
from ebb.progress import SilentProgress
from ebb_train.study.check import check_study
from ebb_train.study.config import CONFIG
from ebb_train.study.pictures import PICTURES
from ebb_train.study.schema import STORE
from tests.helpers.study_folders import Rater, served, small_study

if TYPE_CHECKING:
    from pathlib import Path


def change(study: Path, sql: str) -> None:
    with closing(sqlite3.connect(study / STORE, isolation_level=None)) as db:
        db.execute(sql)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return small_study(tmp_path, methods=2, images=3).folder


@pytest.mark.parametrize("answer", ["opinion", "pair"])
def test_a_new_study_is_complete(answer: str, tmp_path: Path) -> None:
    made = small_study(tmp_path, methods=2, images=3, answer=answer)
    found = check_study(made.folder, SilentProgress())
    assert (found.faults, found.notes, found.num_images) == ((), (), 3)
    assert found.plan_hash == made.config.analysis.sha256
    assert "complete and unchanged" in found.text()


def test_a_study_with_votes_is_complete(study: Path) -> None:
    with served(study) as (client, clock, _):
        Rater(client, clock, lambda *_: 1).take_part()
        Rater(client, clock, lambda *_: 1).take_part(3)
    found = check_study(study, SilentProgress())
    assert found.faults == ()
    counts = found.participation
    assert (counts.sessions, counts.finished, counts.deleted) == (2, 1, 0)
    assert found.as_dict()["participation"]["votes"] == counts.votes > 3


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (
            "DELETE FROM stimulus WHERE method = 'm1' AND image = 'image_1'",
            "image_1: 0 pictures of m1, not 1",
        ),
        (
            "DELETE FROM stimulus WHERE kind = 'target' AND image = 'image_0'",
            "0 pictures of the target photo",
        ),
        ("DELETE FROM stimulus WHERE kind = 'reference'", "0 pictures of reference"),
        ("DELETE FROM stimulus WHERE kind = 'training'", "training are missing"),
        ("UPDATE stimulus SET method = 'm9' WHERE method = 'm1'", "does not name: m9"),
        (
            "UPDATE stimulus SET width = 9 WHERE method = 'm0' AND image = 'image_2'",
            "image_2: its pictures have 2",
        ),
        ("INSERT INTO vote VALUES ('nobody', 0, 1, 1, 1, 1, 0)", "a row of vote belongs to nothing"),
        (
            "INSERT INTO question VALUES ('nobody', 0, 1, NULL, 1, 0, 0)",
            "a row of question belongs to nothing",
        ),
        ("INSERT INTO session (id, consent_at, finished_at) VALUES ('s', 1, 2)", ""),
    ],
)
def test_damage_to_the_store_is_found(sql: str, message: str, study: Path) -> None:
    change(study, sql)
    faults = check_study(study, SilentProgress()).faults
    assert any(message in fault for fault in faults) == bool(message)


def test_a_finished_session_without_votes_is_found(study: Path) -> None:
    with served(study) as (client, clock, _):
        Rater(client, clock, lambda *_: 1).take_part(2)
    change(study, "UPDATE session SET finished_at = 5")
    assert check_study(study, SilentProgress()).faults == ("1 finished session without all votes",)


def test_changed_and_missing_pictures_are_found(study: Path) -> None:
    first, second, *_ = sorted((study / PICTURES).iterdir())
    first.write_bytes(second.read_bytes())
    second.unlink()
    found = check_study(study, SilentProgress())
    assert found.faults == (
        f"{first.name} was changed after the study was made",
        f"{second.name} is missing",
    )
    assert "2 faults" in found.text()


def test_changed_settings_are_noted(study: Path) -> None:
    path = study / CONFIG
    path.write_text(path.read_text().replace("max_trap_misses = 0", "max_trap_misses = 2"))
    notes = check_study(study, SilentProgress()).notes
    assert len(notes) == 2
    assert "plan of the analysis" in notes[1]


def test_a_folder_that_is_no_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        check_study(tmp_path, SilentProgress())
