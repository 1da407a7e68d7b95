from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ebb_train.study.assignment import Question, Stimulus
from ebb_train.study.config import StudyConfig
from ebb_train.study.schema import create_store
from ebb_train.study.sessions import (
    BeginRequest,
    NewSession,
    NotAccepted,
    VoteRequest,
    condition_of,
    erase_session,
    insert_session,
    insert_vote,
    read_state,
    read_stimuli,
    read_tally,
    training_of,
)
from ebb_train.study.votes import Answer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

OPINION = StudyConfig(answer=Answer.OPINION, methods=("m0", "m1"))
PAIR = StudyConfig(answer=Answer.PAIR, methods=("m0", "m1"))
START = 1000.0


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(create_store(tmp_path)) as made:
        for number, method in enumerate(("m0", "m1", ""), start=1):
            kind = "real" if method else "target"
            values = (number, f"p{number}", "i", method, kind, None, "f", "h", 1, 1, 1)
            made.execute("INSERT INTO stimulus VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        yield made


def begin(db: sqlite3.Connection, *questions: Question) -> None:
    request = BeginRequest(consent=True, screen_w=390, screen_h=844, dpr=3.0)
    insert_session(db, NewSession("s", "hash", START, request, "Firefox", 5, questions))


def vote(position: int, value: int, shown: float = 3000.0, loaded: float = 2500.0) -> VoteRequest:
    return VoteRequest(position=position, value=value, shown_ms=shown, loaded_ms=loaded, zoomed=True)


def stored(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    return db.execute("SELECT * FROM vote ORDER BY position").fetchall()


ASKED = (Question(1, None, 3, 0), Question(2, None, 3, 0))


def test_a_vote_is_stored_with_times_relative_to_its_arrival(db: sqlite3.Connection) -> None:
    begin(db, *ASKED)
    assert insert_vote(db, OPINION, "s", vote(0, 4), START + 10) == ASKED[0]
    assert stored(db) == [("s", 0, 4, START + 7, START + 7.5, START + 10, 1)]


def test_the_last_vote_ends_the_session(db: sqlite3.Connection) -> None:
    begin(db, *ASKED)
    stimuli = read_stimuli(db)
    insert_vote(db, OPINION, "s", vote(0, 4), START + 10)
    state = read_state(db, "s", stimuli, ())
    assert (state.done, state.total, state.is_finished) == (1, 2, False)
    assert [tuple(question) for question in state.questions] == [(1, "p3", "p2")]
    insert_vote(db, OPINION, "s", vote(1, 0), START + 20)
    state = read_state(db, "s", stimuli, ())
    assert (state.done, state.is_finished, state.questions) == (2, True, ())
    assert db.execute("SELECT finished_at FROM session").fetchone() == (START + 20,)


def test_the_same_vote_again_changes_nothing_and_another_is_refused(db: sqlite3.Connection) -> None:
    begin(db, *ASKED)
    insert_vote(db, OPINION, "s", vote(0, 4), START + 10)
    before = stored(db)
    assert insert_vote(db, OPINION, "s", vote(0, 4, 9000, 9000), START + 30) is None
    with pytest.raises(NotAccepted, match="answered already") as error:
        insert_vote(db, OPINION, "s", vote(0, 3), START + 30)
    assert error.value.status == 409
    assert stored(db) == before


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (vote(1, 0), 409),
        (vote(2, 0), 404),
        (vote(-1, 0), 404),
        (vote(2**62, 0), 404),
        (vote(0, 5), 400),
        (vote(0, -1), 400),
        (vote(0, 1, 100, 200), 400),
        (vote(0, 1, -5, -10), 400),
        (vote(0, 1, 1e12, 2000), 400),
    ],
)
def test_impossible_votes_are_refused(answer: VoteRequest, status: int, db: sqlite3.Connection) -> None:
    begin(db, *ASKED)
    with pytest.raises(NotAccepted) as error:
        insert_vote(db, OPINION, "s", answer, START + 10)
    assert error.value.status == status
    assert stored(db) == []


def test_a_vote_before_the_pictures_were_seen_is_refused(db: sqlite3.Connection) -> None:
    begin(db, *ASKED)
    for answer, now in ((vote(0, 1, 900, 700), START + 10), (vote(0, 1, 5000, 5000), START + 0.7)):
        with pytest.raises(NotAccepted, match="long enough") as error:
            insert_vote(db, OPINION, "s", answer, now)
        assert error.value.status == 429
        assert error.value.wait == pytest.approx(0.1)
    insert_vote(db, OPINION, "s", vote(0, 1, 900, 800), START + 10)


def test_times_before_the_last_vote_are_not_believed(db: sqlite3.Connection) -> None:
    begin(db, *ASKED)
    insert_vote(db, OPINION, "s", vote(0, 1), START + 10)
    insert_vote(db, OPINION, "s", vote(1, 1, 80_000, 70_000), START + 12)
    assert stored(db)[1][3:6] == (START + 10, START + 10, START + 12)


@pytest.mark.parametrize(
    ("side", "value", "expected"), [(0, 0, 0), (0, 2, 2), (1, 0, 2), (1, 2, 0), (1, 1, 1)]
)
def test_votes_on_pairs_are_stored_by_stimulus(
    side: int, value: int, expected: int, db: sqlite3.Connection
) -> None:
    begin(db, Question(1, 2, None, side))
    state = read_state(db, "s", read_stimuli(db), ())
    assert tuple(state.questions[0]) == ((0, "p2", "p1") if side else (0, "p1", "p2"))
    insert_vote(db, PAIR, "s", vote(0, value), START + 10)
    assert stored(db)[0][2] == expected
    insert_vote(db, PAIR, "s", vote(0, value), START + 10)
    with pytest.raises(NotAccepted):
        insert_vote(db, PAIR, "s", vote(0, 3), START + 10)


def test_the_tally_counts_methods_once_and_sides(db: sqlite3.Connection) -> None:
    begin(db, Question(1, 2, None, 1), Question(1, 2, None, 0, is_repeat=True))
    insert_vote(db, PAIR, "s", vote(0, 1), START + 10)
    insert_vote(db, PAIR, "s", vote(1, 1), START + 20)
    tally = read_tally(db)
    assert tally.judged == {("i", ("m0", "m1")): 1}
    assert tally.sides == {("m0", "m1"): -1}
    stimuli = read_stimuli(db)
    assert condition_of(Question(1, 2, None, 1), stimuli) == ("i", ("m0", "m1"))
    assert condition_of(Question(2, None, 3, 0), stimuli) == ("i", ("m1", ""))


def test_nothing_of_an_erased_session_stays(db: sqlite3.Connection, tmp_path: Path) -> None:
    begin(db, *ASKED)
    insert_vote(db, OPINION, "s", vote(0, 1), START + 10)
    db.execute("INSERT INTO exclusion VALUES ('s', 'trap', 1)")
    erase_session(db, "s", START + 50)
    assert [
        db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("vote", "question", "exclusion")
    ] == [0, 0, 0]
    row = db.execute("SELECT * FROM session").fetchone()
    assert row == ("s", None, START, *[None] * 7, START + 50)


@pytest.mark.parametrize("images", [1, 2, 3])
def test_the_training_has_three_questions_with_different_answers(images: int) -> None:
    stimuli = [
        Stimulus(3 * image + place, f"i{image}-{expected}", f"i{image}", "", "training", expected, "f")
        for image in range(images)
        for place, expected in enumerate((0, 2, 4))
    ]
    opinion = training_of(stimuli, Answer.OPINION)
    assert [(each.low, each.high) for each in opinion] == [(0, 1), (3, 4), (1, 3)]
    assert [each.right.rpartition("-")[2] for each in opinion] == ["0", "4", "2"]
    assert all(each.left.endswith("-0") for each in opinion)
    pairs = training_of(stimuli, Answer.PAIR)
    assert [(each.low, each.high) for each in pairs] == [(0, 0), (1, 1), (2, 2)]
    assert [each.left[-1] + each.right[-1] for each in pairs] == ["04", "00", "40"]
    assert training_of([], Answer.PAIR) == ()
