from __future__ import annotations

import random
import signal
from typing import TYPE_CHECKING

import pytest

from ebb.errors import DatasetLocked, InvalidInput, MissingDependency, OutputError
from ebb.temporary import sole_writer
from ebb_train.study import serve
from ebb_train.study.config import CONFIG
from ebb_train.study.serve import participation, serve_study
from ebb_train.study.settings import ServeSettings
from tests.helpers.study_folders import Rater, served, small_study
from tests.helpers.study_server import (
    Acknowledged,
    Connection,
    StudyProcess,
    lost_votes,
    vote_until_killed,
)

if TYPE_CHECKING:
    from pathlib import Path

ANY_PORT = ServeSettings(port=0)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    made = small_study(tmp_path, methods=2, images=4, questions=18).folder
    path = made / CONFIG
    path.write_text(path.read_text().replace("min_seconds_seen = 0.8", "min_seconds_seen = 0.0"))
    return made


def test_participation_is_counted(study: Path) -> None:
    with served(study) as (client, clock, _):
        raters = [Rater(client, clock, lambda *_: 1) for _ in range(3)]
        raters[0].take_part()
        raters[1].take_part(2)
        raters[2].take_part(2)
        client.delete("/api/session", headers=raters[2].headers)
    found = participation(study)
    assert (found.sessions, found.finished, found.deleted, found.votes) == (3, 1, 1, 20)
    assert found.text() == "3 sessions, 1 finished, 1 deleted, 20 votes"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_with_a_result(number: signal.Signals, study: Path) -> None:
    server = StudyProcess(study)
    rater = Connection(server.port)
    state = rater.begin()
    assert rater.vote(state["done"], 2)[0] == 200
    code, result = server.stop(number)
    rater.close()
    assert code == 0
    assert (result["sessions"], result["votes"]) == (1, 1)
    assert result["look_at"] == [str(study)]
    assert result["next"] == f"ebb-train study report {study}"


def test_no_acknowledged_vote_is_lost_when_the_server_is_killed(study: Path) -> None:
    rng, known = random.Random(7), Acknowledged()
    for _ in range(3):
        vote_until_killed(StudyProcess(study), known, rng)
        lost, stored, verdict = lost_votes(study, known)
        assert (lost, verdict) == (0, "ok")
        assert len(known.votes) <= stored <= len(known.votes) + 12  # those whose reply was cut off
    assert known.votes


def test_a_study_is_served_once(study: Path) -> None:
    with sole_writer(study), pytest.raises(DatasetLocked):
        serve_study(study, ANY_PORT, print)


def test_what_is_missing_is_told_before_anything_is_served(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput):
        serve_study(tmp_path, ANY_PORT, print)

    def missing() -> None:
        raise MissingDependency("uvicorn is missing")

    monkeypatch.setattr(serve, "check_packages", missing)
    with pytest.raises(MissingDependency):
        serve_study(study, ANY_PORT, print)


def test_a_port_in_use_is_told(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: object) -> None:
        raise OutputError("in use")

    monkeypatch.setattr(serve, "listen", refuse)
    with pytest.raises(OutputError, match="in use"):
        serve_study(study, ANY_PORT, print)
    with sole_writer(study):
        pass  # nothing is held
