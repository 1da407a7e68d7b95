"""The SQLite file of a study: its tables, and how it is opened."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ebb.errors import EbbError, InvalidInput
from ebb.files import cannot_write, refuse_link

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STORE = "study.sqlite"
STORE_VERSION = 1
APPLICATION_ID = 0x65626253
"""Marks the file as that of a study, in its header."""

MAX_VALUE_BYTES = 1 << 20

SCHEMA = """
CREATE TABLE study (
    id INTEGER PRIMARY KEY CHECK (id = 1), config_json TEXT NOT NULL, config_hash TEXT NOT NULL,
    plan_hash TEXT NOT NULL, created REAL NOT NULL
);
CREATE TABLE stimulus (
    id INTEGER PRIMARY KEY, picture TEXT NOT NULL UNIQUE, image TEXT NOT NULL, method TEXT NOT NULL,
    kind TEXT NOT NULL, expected INTEGER, file TEXT NOT NULL, sha256 TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, num_bytes INTEGER NOT NULL
);
CREATE TABLE session (
    id TEXT PRIMARY KEY, token_hash TEXT UNIQUE, consent_at REAL NOT NULL, screen_w INTEGER, screen_h INTEGER,
    dpr REAL, user_agent_family TEXT, seed INTEGER, trained_at REAL, finished_at REAL, deleted_at REAL
) WITHOUT ROWID;
CREATE TABLE question (
    session TEXT NOT NULL REFERENCES session (id), position INTEGER NOT NULL,
    stimulus_a INTEGER NOT NULL REFERENCES stimulus (id), stimulus_b INTEGER REFERENCES stimulus (id),
    reference INTEGER REFERENCES stimulus (id), side INTEGER NOT NULL CHECK (side IN (0, 1)),
    is_repeat INTEGER NOT NULL CHECK (is_repeat IN (0, 1)),
    PRIMARY KEY (session, position)
) WITHOUT ROWID;
CREATE TABLE vote (
    session TEXT NOT NULL, position INTEGER NOT NULL, value INTEGER NOT NULL CHECK (value BETWEEN 0 AND 4),
    shown_at REAL NOT NULL, loaded_at REAL, voted_at REAL NOT NULL,
    zoomed INTEGER NOT NULL CHECK (zoomed IN (0, 1)),
    PRIMARY KEY (session, position),
    FOREIGN KEY (session, position) REFERENCES question (session, position)
) WITHOUT ROWID;
CREATE TABLE exclusion (
    session TEXT NOT NULL REFERENCES session (id), rule TEXT NOT NULL, value REAL,
    PRIMARY KEY (session, rule)
) WITHOUT ROWID;
"""

TABLES = ("study", "stimulus", "session", "question", "vote", "exclusion")

_BACKUP = "restore the folder from a backup"


@contextmanager
def store_errors(path: Path, *, is_writing: bool) -> Iterator[None]:
    """Convert the errors of SQLite to those of this project.

    Raises:
        InvalidInput: the file is damaged or cannot be read.
        OutputError: it cannot be written.
    """
    try:
        yield
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # second: a definition that is no text
        raise _failure(path, error, is_writing=is_writing) from error


def _failure(path: Path, error: Exception, *, is_writing: bool) -> EbbError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    refusals = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
    if is_writing and code == sqlite3.SQLITE_FULL:
        return cannot_write(path, OSError(errno.ENOSPC, str(error)))
    if is_writing and code in (*refusals, sqlite3.SQLITE_BUSY):
        return cannot_write(path, OSError(0, str(error)))
    if code in (*refusals, sqlite3.SQLITE_BUSY):
        return InvalidInput(f"cannot be read: {error}", path=path)
    return InvalidInput(f"the file is damaged: {error}", path=path, hint=_BACKUP)


def create_store(study: Path) -> sqlite3.Connection:
    """Make the file of a new study, with empty tables.

    Raises:
        OutputError: it cannot be written.
    """
    path = study / STORE
    with store_errors(path, is_writing=True):
        db = _connect(path)
        db.executescript(
            f"{SCHEMA}PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={STORE_VERSION};"
        )
    return db


def open_store(study: Path) -> sqlite3.Connection:
    """Open the file of a study to read and write it, in any thread; every commit waits for the disk.

    Raises:
        InvalidInput: it is missing, damaged, or not the file of a study.
        OutputError: it cannot be written.
    """
    path = _existing(study)
    with store_errors(path, is_writing=True):
        db = _connect(path)
    _check_store(path, db)
    return db


def open_store_to_read(study: Path) -> sqlite3.Connection:
    """Open the file of a study to read it, also while it is served; nothing is written.

    Raises:
        InvalidInput: it is missing, damaged, or not the file of a study.
    """
    path = _existing(study)
    with store_errors(path, is_writing=False):
        address = f"{path.resolve().as_uri()}{'?immutable=1' if _is_still(path) else ''}"
        db = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA query_only=ON")
    _check_store(path, db)
    return db


def _is_still(path: Path) -> bool:
    """Whether the file is whole and cannot change: SQLite needs a writable folder to share it otherwise."""
    log = path.with_name(f"{path.name}-wal")
    return not os.access(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size)


def _existing(study: Path) -> Path:
    path = study / STORE
    for suffix in ("", "-wal", "-shm"):
        refuse_link(path.with_name(path.name + suffix))
    if not path.is_file():
        raise InvalidInput("not a study: it has no study.sqlite", path=study, hint=_BACKUP)
    return path


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA foreign_keys=ON")
    db.execute("PRAGMA secure_delete=ON")  # votes that a rater deletes are gone
    return db


def _check_store(path: Path, db: sqlite3.Connection) -> None:
    try:
        with store_errors(path, is_writing=False):
            _check_version(path, db)
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
            _check_tables(path, db)
            _check_structure(path, db)
    except BaseException:
        db.close()
        raise


def _check_version(path: Path, db: sqlite3.Connection) -> None:
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise InvalidInput("not the file of a study", path=path, hint=_BACKUP)
    if version != STORE_VERSION:
        message = f"study version {version}, this ebb reads {STORE_VERSION}"
        raise InvalidInput(message, path=path, hint="use the ebb that made it")


def _check_structure(path: Path, db: sqlite3.Connection) -> None:
    ((found,),) = db.execute("PRAGMA integrity_check(1)")
    if found != "ok":
        raise InvalidInput(f"the file is damaged: {found}", path=path, hint=_BACKUP)
    if db.execute("SELECT count(*) FROM study").fetchone() != (1,):
        raise InvalidInput(
            "the file is damaged: the settings of the study are missing", path=path, hint=_BACKUP
        )


def _check_tables(path: Path, db: sqlite3.Connection) -> None:
    """Refuse views and triggers, which run when rows are read or written."""
    found = {name: sql for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_master") if sql}
    expected = {
        statement.split()[2]: "".join(statement.split())
        for statement in SCHEMA.split(";")
        if statement.strip()
    }
    if {name: "".join(str(sql).split()) for name, sql in found.items()} != expected:
        raise InvalidInput(
            "the file is damaged: its tables are not those of a study", path=path, hint=_BACKUP
        )
