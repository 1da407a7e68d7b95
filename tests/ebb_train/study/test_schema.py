from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ebb.errors import InvalidInput, OutputError
from ebb_train.study.schema import (
    STORE,
    TABLES,
    create_store,
    open_store,
    open_store_to_read,
    store_errors,
)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    with closing(create_store(tmp_path)) as db:
        db.execute("INSERT INTO study VALUES (1, '{}', 'h', 'p', 0)")
    return tmp_path


def test_the_tables_are_there_and_commits_wait_for_the_disk(study: Path) -> None:
    with closing(open_store(study)) as db:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert names == set(TABLES)
        settings = {
            name: db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_a_vote_needs_its_question_and_comes_once(study: Path) -> None:
    with closing(open_store(study)) as db:
        db.execute("INSERT INTO session (id, consent_at) VALUES ('s', 1)")
        db.execute("INSERT INTO stimulus VALUES (1, 'p', 'i', 'm', 'real', NULL, 'f', 'h', 1, 1, 1)")
        vote = "INSERT INTO vote VALUES ('s', 0, 3, 1, 1, 1, 0)"
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            db.execute(vote)
        db.execute("INSERT INTO question VALUES ('s', 0, 1, NULL, 1, 0, 0)")
        db.execute(vote)
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            db.execute(vote)
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            db.execute("INSERT INTO vote VALUES ('s', 1, 5, 1, 1, 1, 0)")


def test_a_reader_sees_what_is_written_and_writes_nothing(study: Path) -> None:
    with closing(open_store(study)) as db, closing(open_store_to_read(study)) as reader:
        db.execute("INSERT INTO session (id, consent_at) VALUES ('s', 1)")
        assert reader.execute("SELECT count(*) FROM session").fetchone() == (1,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM session")


def test_a_folder_that_cannot_be_written_is_read(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(open_store(study)) as db:
        db.execute("INSERT INTO session (id, consent_at) VALUES ('s', 1)")
        monkeypatch.setattr("os.access", lambda *_: False)
        with closing(open_store_to_read(study)) as reader:  # what the log holds is read, too
            assert reader.execute("SELECT count(*) FROM session").fetchone() == (1,)
    with closing(open_store_to_read(study)) as reader:
        assert reader.execute("SELECT count(*) FROM session").fetchone() == (1,)
        assert sorted(path.name for path in study.iterdir()) == [STORE]  # nothing was made to share it


def _truncated(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _with(sql: str) -> object:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute(sql)

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b"not a database, but long enough to be read as one" * 9), "damaged"),
        (_truncated, "damaged|malformed"),
        (_with("PRAGMA application_id=0"), "not the file of a study"),
        (_with("PRAGMA user_version=2"), "version 2"),
        (_with("DROP TABLE vote"), "tables"),
        (_with("CREATE TRIGGER t AFTER INSERT ON vote BEGIN DELETE FROM vote; END"), "tables"),
        (_with("CREATE VIEW v AS SELECT 1"), "tables"),
        (_with("ALTER TABLE vote ADD COLUMN more"), "tables"),
        (Path.unlink, "no study.sqlite"),
    ],
)
def test_another_file_is_refused(damage: object, message: str, study: Path) -> None:
    path = study / STORE
    damage(path)  # type: ignore[operator]
    for function in (open_store, open_store_to_read):
        with pytest.raises(InvalidInput, match=message):
            function(study)


def test_nothing_is_written_through_a_link(study: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(study, other, ignore=shutil.ignore_patterns("other"))
    (other / STORE).unlink()
    (other / STORE).symlink_to(study / STORE)
    with pytest.raises(InvalidInput, match="symbolic link"):
        open_store(other)


def test_a_store_that_cannot_be_made_or_written_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        create_store(tmp_path / "no folder")
    full = sqlite3.OperationalError("disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    with pytest.raises(OutputError, match="no space"), store_errors(tmp_path / STORE, is_writing=True):
        raise full
    with pytest.raises(InvalidInput, match="disk is full"), store_errors(tmp_path / STORE, is_writing=False):
        raise full
