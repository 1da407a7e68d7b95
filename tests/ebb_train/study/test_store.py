from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ebb.errors import InvalidInput, UsageError
from ebb.serving.tokens import token_hash
from ebb_train.study.config import CONFIG
from ebb_train.study.pictures import PICTURES
from ebb_train.study.schema import STORE, open_store_to_read
from ebb_train.study.sessions import BeginRequest, NotAccepted, VoteRequest
from ebb_train.study.store import PENDING_SECONDS, StudyStore
from tests.helpers.study_folders import Clock, small_study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEGIN = BeginRequest(consent=True, screen_w=1, screen_h=1)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return small_study(tmp_path, methods=2, images=4, questions=18).folder


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(study: Path, clock: Clock) -> Iterator[StudyStore]:
    with closing(StudyStore(study, clock)) as made:
        yield made


def answer(store: StudyStore, clock: Clock, session: str, number: int) -> None:
    state = store.state(session).result(10)
    for _ in range(number):
        clock.now += 3
        position = state.questions[0].position
        vote = VoteRequest(position=position, value=1, shown_ms=2000, loaded_ms=1500)
        state = store.vote(session, vote).result(10)


def session_of(store: StudyStore, token: str) -> str:
    session = store.find(token)
    assert session is not None
    return session


def test_a_token_finds_its_session_and_only_its_hash_is_stored(store: StudyStore, study: Path) -> None:
    begun = store.begin(BEGIN, "Firefox").result(10)
    assert store.find(begun.token) is not None
    assert store.find("other") is None
    with closing(open_store_to_read(study)) as db:
        (row,) = db.execute("SELECT token_hash, user_agent_family, seed FROM session").fetchall()
    assert row[:2] == (token_hash(begun.token), "Firefox")
    for path in study.rglob("*"):
        assert path.is_dir() or begun.token.encode() not in path.read_bytes()


def test_a_session_goes_on_after_a_restart(store: StudyStore, study: Path, clock: Clock) -> None:
    begun = store.begin(BEGIN, "").result(10)
    store.finish_training(session_of(store, begun.token)).result(10)
    answer(store, clock, session_of(store, begun.token), 5)
    before = store.state(session_of(store, begun.token)).result(10)
    store.close()
    with closing(StudyStore(study, clock)) as again:
        session = session_of(again, begun.token)
        assert again.state(session).result(10) == before
        assert (before.done, before.is_trained) == (5, True)
        answer(again, clock, session, before.total - 5)
        assert again.state(session).result(10).is_finished


def test_sessions_that_have_just_begun_count_for_an_hour(store: StudyStore, clock: Clock) -> None:
    images = []
    for _ in range(4):
        begun = store.begin(BEGIN, "").result(10)
        images.append({key[0] for key in store._pending[session_of(store, begun.token)][1]})
    counted = store._expected(clock.now)
    assert sum(counted.judged.values()) == 4 * 8
    assert set(counted.judged.values()) == {4}
    assert store._tally.judged == {}
    assert store._expected(clock.now + PENDING_SECONDS).judged == {}


def test_votes_are_counted_once(store: StudyStore, clock: Clock) -> None:
    begun = store.begin(BEGIN, "").result(10)
    session = session_of(store, begun.token)
    answer(store, clock, session, begun.state.total)
    assert sum(store._tally.judged.values()) == 8
    assert store._expected(clock.now).judged == store._tally.judged  # nothing is pending any more


def test_an_erased_session_is_gone_and_not_counted(store: StudyStore, study: Path, clock: Clock) -> None:
    begun = store.begin(BEGIN, "Firefox").result(10)
    session = session_of(store, begun.token)
    answer(store, clock, session, 6)
    store.erase(session).result(10)
    assert store.find(begun.token) is None
    assert store._tally.judged == {}
    for ask in (lambda: store.state(session), lambda: store.erase(session)):
        with pytest.raises(NotAccepted) as error:
            ask().result(10)
        assert error.value.status == 401
    store.close()
    with closing(open_store_to_read(study)) as db:
        assert db.execute("SELECT count(*) FROM vote").fetchone() == (0,)


def test_there_is_a_largest_number_of_sessions(study: Path) -> None:
    path = study / CONFIG
    path.write_text(path.read_text().replace("max_sessions = 10000", "max_sessions = 2"))
    with closing(StudyStore(study)) as store:
        for _ in range(2):
            store.begin(BEGIN, "").result(10)
        with pytest.raises(NotAccepted, match="enough participants"):
            store.begin(BEGIN, "").result(10)


def test_pictures_are_found_by_their_names_in_addresses(store: StudyStore) -> None:
    begun = store.begin(BEGIN, "").result(10)
    path = store.picture(begun.state.questions[0].left)
    assert path is not None
    assert path.is_file()
    assert store.picture("../study.toml") is None
    assert store.picture(path.name) is None


def edit(study: Path, old: str, new: str) -> None:
    path = study / CONFIG
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_texts_may_be_changed_at_any_time(store: StudyStore, study: Path) -> None:
    store.begin(BEGIN, "").result(10)
    store.close()
    edit(study, 'contact = ""', 'contact = "me"')
    with closing(StudyStore(study)) as again:
        assert again.config.contact == "me"


def test_rules_may_be_changed_before_the_first_session_only(study: Path) -> None:
    edit(study, "max_trap_misses = 0", "max_trap_misses = 1")
    with closing(StudyStore(study)) as store:
        with closing(open_store_to_read(study)) as db:
            (stored,) = db.execute("SELECT plan_hash FROM study").fetchone()
        assert stored == store.config.analysis.sha256
        store.begin(BEGIN, "").result(10)
    edit(study, "max_trap_misses = 1", "max_trap_misses = 2")
    with pytest.raises(UsageError, match="changed after the first session"):
        StudyStore(study)


@pytest.mark.parametrize(("old", "new"), [('"m1"', '"m7"'), ('"opinion"', '"pair"')])
def test_methods_and_answers_are_those_of_the_pictures(old: str, new: str, study: Path) -> None:
    edit(study, old, new)
    with pytest.raises(UsageError, match="not those of the pictures"):
        StudyStore(study)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM stimulus WHERE method = 'm1' AND image = 'image_1'",
        "DELETE FROM stimulus WHERE kind = 'target' AND image = 'image_1'",
        "DELETE FROM stimulus WHERE kind IN ('target', 'real')",
    ],
)
def test_a_study_without_all_pictures_is_not_served(sql: str, study: Path) -> None:
    with closing(sqlite3.connect(study / STORE, isolation_level=None)) as db:
        db.execute(sql)
    with pytest.raises((InvalidInput, UsageError), match=r"study check|not those of the pictures"):
        StudyStore(study)


def test_a_study_without_all_files_is_not_served(study: Path) -> None:
    path = next((study / PICTURES).iterdir())
    path.unlink()
    with pytest.raises(InvalidInput, match=f"{path.name} is missing.*study check"):
        StudyStore(study)


def test_a_damaged_store_is_refused(study: Path) -> None:
    with closing(sqlite3.connect(study / STORE)) as db:
        db.execute("DROP TABLE vote")
    with pytest.raises(InvalidInput, match="tables"):
        StudyStore(study)
