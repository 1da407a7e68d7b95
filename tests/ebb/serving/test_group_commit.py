from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ebb.serving import group_commit
from ebb.serving.group_commit import GroupCommit, TooBusy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.sqlite"


@pytest.fixture
def commits(path: Path) -> Iterator[GroupCommit]:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE row (number INTEGER PRIMARY KEY)")
    with closing(GroupCommit(db)) as made:
        yield made


def insert(number: int) -> group_commit.Callable[[sqlite3.Connection], int]:
    def work(db: sqlite3.Connection) -> int:
        db.execute("INSERT INTO row VALUES (?)", (number,))
        return number

    return work


def rows(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as db:
        return [number for (number,) in db.execute("SELECT number FROM row ORDER BY number")]


def test_a_result_is_there_after_its_commit(commits: GroupCommit, path: Path) -> None:
    assert commits.submit(insert(7)).result(10) == 7
    assert rows(path) == [7]  # seen by another connection


def test_a_job_that_fails_leaves_nothing_and_spoils_nothing(commits: GroupCommit, path: Path) -> None:
    gate = threading.Event()
    first = commits.submit(lambda _: gate.wait(10))  # those that follow share a commit

    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO row VALUES (100)")
        raise ValueError("half done")

    good, bad, again = commits.submit(insert(1)), commits.submit(half), commits.submit(insert(1))
    last = commits.submit(insert(2))
    gate.set()
    assert first.result(10)
    assert good.result(10) == 1
    with pytest.raises(ValueError, match="half done"):
        bad.result(10)
    with pytest.raises(sqlite3.IntegrityError):
        again.result(10)
    assert last.result(10) == 2
    assert rows(path) == [1, 2]


def test_a_commit_that_fails_is_told_to_everybody(commits: GroupCommit, path: Path) -> None:
    def spoil(db: sqlite3.Connection) -> None:
        db.execute("ROLLBACK")  # so that COMMIT finds no transaction

    with pytest.raises(sqlite3.OperationalError):
        commits.submit(spoil).result(10)
    assert commits.submit(insert(3)).result(10) == 3
    assert rows(path) == [3]


def test_many_threads_lose_nothing(commits: GroupCommit, path: Path) -> None:
    def write(start: int) -> None:
        for future in [commits.submit(insert(start + step)) for step in range(50)]:
            future.result(20)

    threads = [threading.Thread(target=write, args=(100 * number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows(path)) == 400


def test_a_job_that_was_cancelled_is_not_done(commits: GroupCommit, path: Path) -> None:
    gate = threading.Event()
    commits.submit(lambda _: gate.wait(10))
    cancelled = commits.submit(insert(1))
    assert cancelled.cancel()
    gate.set()
    commits.submit(insert(2)).result(10)
    assert rows(path) == [2]


def test_too_many_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MAX_WAITING", 2)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("CREATE TABLE row (number INTEGER PRIMARY KEY)")
    gate, began = threading.Event(), threading.Event()

    def block(_: sqlite3.Connection) -> None:
        began.set()
        gate.wait(10)

    with closing(GroupCommit(db)) as commits:
        commits.submit(block)
        began.wait(10)
        waiting = [commits.submit(insert(number)) for number in range(2)]
        with pytest.raises(TooBusy):
            commits.submit(insert(9))
        gate.set()
        assert [future.result(10) for future in waiting] == [0, 1]


def test_what_waits_is_done_before_it_closes(commits: GroupCommit, path: Path) -> None:
    futures = [commits.submit(insert(number)) for number in range(1000)]
    commits.close()
    assert all(future.done() for future in futures)
    assert len(rows(path)) == 1000
    commits.close()
    with pytest.raises(TooBusy):
        commits.submit(insert(1))
