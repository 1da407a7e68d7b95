"""``state.sqlite``: what is known of every camera file and how every stage of every pair ended.

One row a (pair, stage), written when the outputs are on disk: a row is the done mark. Opened in WAL mode
with ``synchronous=FULL``, so that a row that was committed survives a power cut.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from ebb.codec import from_plain, to_plain
from ebb.errors import InvalidInput, OutputError, Reason, Status
from ebb.files import cannot_write
from ebb.photo.capture import FileMetadata
from ebb.settings import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

STATE_VERSION = 2

T = TypeVar("T")

_PRIMARY = 0xFF
"""Bits of SQLite's error codes that say which error it is; the others say more about it."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    folder TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, metadata TEXT NOT NULL,
    PRIMARY KEY (folder, name)
);
CREATE TABLE IF NOT EXISTS stages (
    pair_id TEXT NOT NULL, stage TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL,
    upstream TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, value TEXT NOT NULL,
    measurements TEXT NOT NULL, outputs TEXT NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (pair_id, stage)
);
CREATE TABLE IF NOT EXISTS splits (pair_id TEXT PRIMARY KEY, split TEXT NOT NULL);
"""


class Stage(NamedTuple, Generic[T]):
    """A stage of a pair, and what it keeps of one that came through."""

    name: str
    kind: type[T]
    """A dataclass that :mod:`ebb.codec` can write."""


@dataclass(frozen=True, kw_only=True)
class StageRow(Generic[T]):
    """How one stage ended for one pair."""

    pair_id: str
    stage: Stage[T]
    key: str
    status: Status
    upstream: str = ""
    """Key of the stage that this one took its input from."""
    reason: Reason | None = None
    detail: str = ""
    value: T | None = None
    """What the stage keeps of a pair that came through."""
    measurements: Mapping[str, float] = field(default_factory=dict)
    """What the rule that rejected the pair looked at."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """File name in the pair's folder → SHA-256."""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class FileRow:
    """What reading one file of an ingested folder gave."""

    folder: str
    name: str
    size: int
    mtime_ns: int
    status: Status
    reason: Reason | None = None
    detail: str = ""
    metadata: FileMetadata | None = None
    """Of a file that could be read."""


class State:
    """The rows of one dataset folder.

    Args:
        path: The SQLite file; made when it is not there.
        read_only: Require that the file exists and write nothing; write permission is not needed.

    Raises:
        OutputError: the file cannot be made.
        InvalidInput: it is not a state file, one of another version, or cannot be read.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        try:
            self._db = _open_to_read(path) if read_only else _open_to_write(path)
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
        except sqlite3.OperationalError as error:
            raise (_cannot_read if read_only else _cannot_write)(path, error) from error
        except sqlite3.DatabaseError as error:
            raise InvalidInput(f"not a state file: {error}", path=path) from error
        self._check_version(version, read_only=read_only)
        if not read_only:
            with self._writing():
                self._db.executescript(f"{_SCHEMA}PRAGMA user_version={STATE_VERSION};")

    def _check_version(self, version: int, *, read_only: bool) -> None:
        if version not in (0, STATE_VERSION):
            raise InvalidInput(
                f"state version {version}, this ebb reads {STATE_VERSION}",
                path=self._path,
                hint="use the ebb that made it, or a new --dataset folder",
            )
        if read_only and version == 0:
            raise InvalidInput("nothing is in it yet", path=self._path, hint="begin with: ebb ingest RAW_DIR")

    def close(self) -> None:
        """Close the file; every row that was put is on disk already."""
        self._db.close()

    def put_stage(self, row: StageRow[Any]) -> None:
        """Record how a stage ended; replaces the pair's earlier row of that stage."""
        self._write(
            "INSERT OR REPLACE INTO stages VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                row.pair_id,
                row.stage.name,
                row.key,
                row.status,
                row.upstream,
                row.reason or "",
                row.detail,
                canonical_json(to_plain(row.value)),
                canonical_json(to_plain(row.measurements)),
                canonical_json(to_plain(row.outputs)),
                row.seconds,
            ),
        )

    def drop_stage(self, row: StageRow[Any]) -> None:
        """Remove the row of a pair whose stage is about to be done again."""
        self._write("DELETE FROM stages WHERE pair_id=? AND stage=?", (row.pair_id, row.stage.name))

    def stage_rows(self, stage: Stage[T]) -> dict[str, StageRow[T]]:
        """All rows of a stage by pair id."""
        found = self._read("SELECT * FROM stages WHERE stage=? ORDER BY pair_id", stage.name)
        with self._understanding():
            return {row[0]: _stage_row(stage, row) for row in found}

    def put_file(self, row: FileRow) -> None:
        """Record what reading a file gave."""
        self._write(
            "INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?,?)",
            (
                row.folder,
                row.name,
                row.size,
                row.mtime_ns,
                row.status,
                row.reason or "",
                row.detail,
                canonical_json(to_plain(row.metadata)),
            ),
        )

    def file_rows(self, folder: str | None = None) -> Iterator[FileRow]:
        """Rows of one ingested folder, or of all, in order of folder and name."""
        where, values = ("WHERE folder=?", (folder,)) if folder is not None else ("", ())
        found = self._read(f"SELECT * FROM files {where} ORDER BY folder, name", *values)  # noqa: S608
        with self._understanding():
            yield from map(_file_row, found)

    def drop_files(self, folder: str, names: Iterable[str]) -> None:
        """Forget files that are no longer in the folder."""
        for name in names:
            self._write("DELETE FROM files WHERE folder=? AND name=?", (folder, name))

    def splits(self) -> dict[str, str]:
        """Split of every pair that has one; a pair keeps it for ever."""
        return dict(self._read("SELECT pair_id, split FROM splits"))

    def put_splits(self, splits: Mapping[str, str]) -> None:
        """Add splits of new pairs in one transaction; a pair that has one keeps it."""
        with self._writing(), self._db:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR IGNORE INTO splits VALUES (?,?)", sorted(splits.items()))

    def _read(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise _cannot_read(self._path, error) from error

    def _write(self, statement: str, values: tuple[object, ...] = ()) -> None:
        with self._writing():
            self._db.execute(statement, values)

    @contextmanager
    def _understanding(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, TypeError) as error:
            hint = "use the ebb that made it, or a newer one"
            raise InvalidInput(f"a row makes no sense: {error}", path=self._path, hint=hint) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise _cannot_write(self._path, error) from error
        except sqlite3.DatabaseError as error:  # damage that shows when rows are added
            raise _cannot_read(self._path, error) from error


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


def _cannot_read(path: Path, error: sqlite3.DatabaseError) -> InvalidInput:
    if not os.access(path, os.R_OK):
        return InvalidInput("cannot be read: no permission", path=path)
    code, hint = error.sqlite_errorcode & _PRIMARY, ""
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        hint = "a run has not ended: copy the whole folder to where you may write, and look there"
    elif code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        hint = "take the folder from a copy, or make a new one"
    return InvalidInput(f"cannot be read: {error}", path=path, hint=hint)


def _cannot_write(path: Path, error: sqlite3.OperationalError) -> OutputError:
    is_full = error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_FULL
    return cannot_write(path, OSError(errno.ENOSPC if is_full else 0, str(error)))


def _stage_row(stage: Stage[T], row: tuple[Any, ...]) -> StageRow[T]:
    value = json.loads(row[7])
    status = Status(row[3])
    return StageRow(
        pair_id=row[0],
        stage=stage,
        key=row[2],
        status=status,
        upstream=row[4],
        reason=Reason(row[5]) if row[5] else None,
        detail=row[6],
        value=from_plain(stage.kind, value) if status is Status.OK else None,
        measurements=from_plain(dict[str, float], json.loads(row[8])),
        outputs=from_plain(dict[str, str], json.loads(row[9])),
        seconds=row[10],
    )


def _file_row(row: tuple[Any, ...]) -> FileRow:
    metadata = json.loads(row[7])
    return FileRow(
        folder=row[0],
        name=row[1],
        size=row[2],
        mtime_ns=row[3],
        status=Status(row[4]),
        reason=Reason(row[5]) if row[5] else None,
        detail=row[6],
        metadata=None if metadata is None else from_plain(FileMetadata, metadata),
    )
