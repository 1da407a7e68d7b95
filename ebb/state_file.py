"""The SQLite file of a dataset folder: opened, checked before it is read, and its errors."""

from __future__ import annotations

import errno
import functools
import os
import shutil
import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from ebb.errors import InvalidInput
from ebb.files import cannot_write, refuse_link
from ebb.hints import command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ebb.errors import EbbError

STATE_VERSION = 3

_PRIMARY = 0xFF
"""Bits of SQLite's error codes that hold the kind of error; the others hold details."""

_REFUSALS = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
"""Kinds of error that come from the operating system or another process; all others mean a damaged file."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    folder TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, metadata TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stages (
    pair_id TEXT NOT NULL, stage TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL,
    upstream TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, value TEXT NOT NULL,
    measurements TEXT NOT NULL, outputs TEXT NOT NULL, seconds REAL NOT NULL, hash TEXT NOT NULL,
    PRIMARY KEY (pair_id, stage)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS splits (
    pair_id TEXT PRIMARY KEY, split TEXT NOT NULL, hash TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS written (
    name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, hash TEXT NOT NULL
) WITHOUT ROWID;
"""
TABLES = ("files", "stages", "splits", "written")

_MIN_FREE_BYTES = 256 << 10

MAX_VALUE_BYTES = 16 << 20
"""Most bytes of a value or a row that SQLite reads or makes; those of ebb have some kilobytes."""

_REBUILD = (
    "restore it from a backup, or remove it and run the same commands again: "
    "photos and maps are made again, splits are taken from the shards"
)


def open_state_file(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file and check its version, its tables and its structure.

    Args:
        path: The SQLite file; it is made if it does not exist.
        read_only: Require that the file exists and write nothing; write permission is not needed.

    Raises:
        OutputError: the file cannot be made.
        InvalidInput: it is not a state file, is damaged, of another version, or cannot be read.
    """
    _refuse_links(path)
    with sqlite_errors(path, is_writing=not read_only):
        db = _open_to_read(path) if read_only else _open_to_write(path)
    try:
        with sqlite_errors(path, is_writing=not read_only):
            (version,) = db.execute("PRAGMA user_version").fetchone()
        _check_version(path, version, read_only=read_only)
        with sqlite_errors(path, is_writing=False):
            _check_schema(path, db)
            _check_structure(path, db)
        if not read_only:
            with sqlite_errors(path, is_writing=True):
                db.executescript(f"{_SCHEMA}PRAGMA user_version={STATE_VERSION};")
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def sqlite_errors(path: Path, *, is_writing: bool) -> Iterator[None]:
    """Convert the errors of SQLite to those of this project.

    Args:
        path: The SQLite file.
        is_writing: Whether rows are written.

    Raises:
        InvalidInput: the file is damaged or cannot be read.
        OutputError: it cannot be written.
    """
    try:
        yield
    except (
        sqlite3.DatabaseError,
        UnicodeDecodeError,
    ) as error:  # second: a message with damaged text
        raise _failure(path, error, is_writing=is_writing) from error


def damaged(path: Path, what: str) -> InvalidInput:
    """Make the error for a file with damaged contents."""
    return InvalidInput(f"the file is damaged: {what}", path=path, hint=_REBUILD)


def _check_version(path: Path, version: int, *, read_only: bool) -> None:
    if version not in (0, STATE_VERSION):
        raise InvalidInput(
            f"state version {version}, this ebb reads {STATE_VERSION}",
            path=path,
            hint="use the ebb that made it, or a new --dataset folder",
        )
    if read_only and version == 0:
        hint = f"begin with: {command('ingest RAW_DIR', path.parent)}"
        raise InvalidInput("nothing is in it yet", path=path, hint=hint)


def _check_schema(path: Path, db: sqlite3.Connection) -> None:
    """Refuse views, triggers and computed columns: what they do when rows are read has no end."""
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
    for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_master"):
        is_automatic = kind == "index" and sql is None  # of a primary key
        if not is_automatic and _definition(sql) not in _definitions():
            raise damaged(path, f"{kind} {str(name)[:40]!r} is not as ebb makes it")


def _check_structure(path: Path, db: sqlite3.Connection) -> None:
    """Look for damage outside the values of the rows, such as a row that an index does not find."""
    ((found,),) = db.execute("PRAGMA integrity_check(1)")
    if found != "ok":
        raise damaged(path, str(found).splitlines()[-1])


def _definition(sql: object) -> str:
    """Definition of a table without spaces; those of earlier versions had row ids."""
    return "".join(str(sql).split()).removesuffix("WITHOUTROWID")


@functools.cache
def _definitions() -> frozenset[str]:
    """Definitions of all tables, as SQLite stores them."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(_SCHEMA)
        return frozenset(
            _definition(sql) for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql > ''")
        )


def _refuse_links(path: Path) -> None:
    """SQLite writes to these files in place, and so to the targets of symbolic links."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        refuse_link(path.with_name(path.name + suffix))


def _open_to_write(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    return db


def _open_to_read(path: Path) -> sqlite3.Connection:
    """Open a file that is there; of one in WAL mode even a reader makes files beside it, where it may.

    Where it may not, SQLite reads the rows that a run has not yet moved out of the ``-wal`` file if there are
    some; without them the file is all there is, and ``immutable`` says that nothing beside it is needed.
    """
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        with suppress(sqlite3.OperationalError):  # no space for the files beside it
            return _open_beside_a_run(path)
    log = path.with_name(f"{path.name}-wal")
    immutable = "" if log.exists() and log.stat().st_size else "&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{immutable}", uri=True, isolation_level=None)


def _open_beside_a_run(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA query_only=ON")
        db.execute("PRAGMA user_version")
    except sqlite3.OperationalError:
        db.close()
        raise
    return db


def _failure(path: Path, error: Exception, *, is_writing: bool) -> EbbError:
    """The error of this project for one of SQLite."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & _PRIMARY  # none: damaged text
    may_write = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    if code == sqlite3.SQLITE_NOTADB:
        return InvalidInput(f"not a state file: {error}", path=path, hint=_REBUILD)
    if code not in _REFUSALS or (is_writing and may_write and code == sqlite3.SQLITE_READONLY):
        return damaged(path, str(error))
    if is_writing:
        is_full = code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _has_no_space(path))
        return cannot_write(path, OSError(errno.ENOSPC if is_full else 0, str(error)))
    if not os.access(path, os.R_OK):
        return InvalidInput("cannot be read: no permission", path=path)
    hint = ""
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        hint = "a run has not ended: copy the whole folder to where you may write, and look there"
    return InvalidInput(f"cannot be read: {error}", path=path, hint=hint)


def _has_no_space(path: Path) -> bool:
    """Whether too little space is left for the files beside the database; SQLite's error does not say so."""
    try:
        return shutil.disk_usage(path.parent).free < _MIN_FREE_BYTES
    except OSError:
        return False
