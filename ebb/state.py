"""``state.sqlite``: the metadata of every camera file and the outcome of every stage of every pair.

One row for each (pair, stage), written when the outputs are on disk: the row is the done mark. The file is
opened in WAL mode with ``synchronous=FULL``, so that a committed row survives a power cut. Every row ends
with a hash of its values: a row that was damaged on disk is an error and never a wrong value.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from ebb.codec import from_plain, to_plain
from ebb.documents import parse_json
from ebb.errors import InvalidInput, Reason, Status
from ebb.files import cannot_write, refuse_link, sha256_bytes
from ebb.hints import command
from ebb.photo.capture import FileMetadata
from ebb.settings import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from ebb.errors import EbbError

STATE_VERSION = 3

T = TypeVar("T")

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
_ERRORS = (sqlite3.DatabaseError, UnicodeDecodeError)
"""Errors of SQLite; the second one is about its message, which can quote damaged text."""

_TABLES = ("files", "stages", "splits", "written")


class Stage(NamedTuple, Generic[T]):
    """A stage, and the type of the value that it keeps of a pair."""

    name: str
    kind: type[T]
    """A dataclass that :mod:`ebb.codec` can convert."""


@dataclass(frozen=True, kw_only=True)
class StageRow(Generic[T]):
    """Outcome of one stage for one pair."""

    pair_id: str
    stage: Stage[T]
    key: str
    status: Status
    upstream: str = ""
    """Key of the stage that made the input of this one."""
    reason: Reason | None = None
    detail: str = ""
    value: T | None = None
    """Result of a pair with the status ``ok``."""
    measurements: Mapping[str, float] = field(default_factory=dict)
    """Measurements that led to the rejection of the pair."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """File name in the pair's folder → SHA-256."""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class FileRow:
    """Outcome of reading one file of an ingested folder."""

    folder: str
    name: str
    size: int
    mtime_ns: int
    status: Status
    reason: Reason | None = None
    detail: str = ""
    metadata: FileMetadata | None = None
    """Metadata of a file that could be read."""


class State:
    """The rows of one dataset folder.

    Args:
        path: The SQLite file; it is made if it does not exist.
        read_only: Require that the file exists and write nothing; write permission is not needed.

    Raises:
        OutputError: the file cannot be made.
        InvalidInput: it is not a state file, is damaged, of another version, or cannot be read.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        _refuse_links(path)
        try:
            self._db = _open_to_read(path) if read_only else _open_to_write(path)
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
        except _ERRORS as error:
            raise _failure(path, error, is_writing=not read_only) from error
        self._check_version(version, read_only=read_only)
        self._check_structure()
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
            hint = f"begin with: {command('ingest RAW_DIR', self._path.parent)}"
            raise InvalidInput("nothing is in it yet", path=self._path, hint=hint)

    def _check_structure(self) -> None:
        """Look for damage outside the values of the rows, such as a row that an index does not find."""
        ((found,),) = self._read("PRAGMA integrity_check(1)")
        if found != "ok":
            raise _damaged(self._path, str(found).splitlines()[-1])

    def check(self) -> None:
        """Read every row.

        Raises:
            InvalidInput: one is damaged.
        """
        for table in _TABLES:
            self._rows(f"SELECT * FROM {table}")  # noqa: S608 - names from above

    def close(self) -> None:
        """Close the file; every row is on disk already."""
        self._db.close()

    def put_stage(self, row: StageRow[Any]) -> None:
        """Record the outcome of a stage in place of the pair's earlier row of that stage."""
        self._write(
            "INSERT OR REPLACE INTO stages VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            _with_hash(
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
                float(row.seconds),
            ),
        )

    def drop_stage(self, row: StageRow[Any]) -> None:
        """Remove the row of a pair whose stage is about to be done again."""
        self._write("DELETE FROM stages WHERE pair_id=? AND stage=?", (row.pair_id, row.stage.name))

    def stage_rows(self, stage: Stage[T]) -> dict[str, StageRow[T]]:
        """All rows of a stage by pair id."""
        found = self._rows("SELECT * FROM stages WHERE stage=? ORDER BY pair_id", stage.name)
        with self._understanding():
            return {row[0]: _stage_row(stage, row) for row in found}

    def put_file(self, row: FileRow) -> None:
        """Record the outcome of reading a file."""
        self._write(
            "INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?,?,?)",
            _with_hash(
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
        found = self._rows(f"SELECT * FROM files {where} ORDER BY folder, name", *values)  # noqa: S608
        with self._understanding():
            yield from map(_file_row, found)

    def drop_files(self, folder: str, names: Iterable[str]) -> None:
        """Remove the rows of files that are no longer in the folder."""
        for name in names:
            self._write("DELETE FROM files WHERE folder=? AND name=?", (folder, name))

    def splits(self) -> dict[str, str]:
        """Split of every pair that has one; it never changes."""
        return dict(self._rows("SELECT * FROM splits"))

    def put_splits(self, splits: Mapping[str, str]) -> None:
        """Add the splits of new pairs in one transaction; pairs that have one keep it."""
        with self._writing(), self._db:
            self._db.execute("BEGIN")
            rows = [_with_hash(*item) for item in sorted(splits.items())]
            self._db.executemany("INSERT OR IGNORE INTO splits VALUES (?,?,?)", rows)

    def written(self) -> dict[str, str]:
        """SHA-256 of the files of the dataset folder that are no outputs of a pair, by name."""
        return dict(self._rows("SELECT * FROM written"))

    def put_written(self, name: str, sha256: str) -> None:
        """Record the SHA-256 of such a file."""
        self._write("INSERT OR REPLACE INTO written VALUES (?,?,?)", _with_hash(name, sha256))

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a table without their hashes, which are checked."""
        found = self._read(statement, *values)
        if any(_with_hash(*row[:-1]) != row for row in found):
            raise _damaged(self._path, "a row is not the one that was written")
        return [row[:-1] for row in found]

    def _read(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(statement, values).fetchall()
        except _ERRORS as error:
            raise _failure(self._path, error, is_writing=False) from error

    def _write(self, statement: str, values: tuple[object, ...] = ()) -> None:
        with self._writing():
            self._db.execute(statement, values)

    @contextmanager
    def _understanding(self) -> Iterator[None]:
        try:
            yield
        except (InvalidInput, ValueError) as error:
            hint = "use the ebb that made it, or a newer one"
            raise InvalidInput(f"a row cannot be understood: {error}", path=self._path, hint=hint) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except _ERRORS as error:
            raise _failure(self._path, error, is_writing=True) from error


def _with_hash(*values: object) -> tuple[object, ...]:
    """A row with the hash of its values behind them."""
    text = json.dumps(values, default=repr)  # damage can turn text into bytes
    return *values, sha256_bytes(text.encode())[:16]


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
        return _damaged(path, str(error))
    if is_writing:
        is_full = code == sqlite3.SQLITE_FULL
        return cannot_write(path, OSError(errno.ENOSPC if is_full else 0, str(error)))
    if not os.access(path, os.R_OK):
        return InvalidInput("cannot be read: no permission", path=path)
    hint = ""
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        hint = "a run has not ended: copy the whole folder to where you may write, and look there"
    return InvalidInput(f"cannot be read: {error}", path=path, hint=hint)


_REBUILD = (
    "restore it from a backup, or remove it and run the same commands again: "
    "photos and maps are made again, splits are taken from the shards"
)


def _damaged(path: Path, what: str) -> InvalidInput:
    return InvalidInput(f"the file is damaged: {what}", path=path, hint=_REBUILD)


def _stage_row(stage: Stage[T], row: tuple[Any, ...]) -> StageRow[T]:
    value = parse_json(row[7])
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
        measurements=from_plain(dict[str, float], parse_json(row[8])),
        outputs=_checked_names(from_plain(dict[str, str], parse_json(row[9]))),
        seconds=row[10],
    )


def _checked_names(outputs: dict[str, str]) -> dict[str, str]:
    """Refuse names that lead out of the pair's folder, as in a data set made to do harm."""
    for name in outputs:
        if name in ("", "..") or PurePosixPath(name).name != name:
            raise ValueError(f"outputs: {name!r} is not the name of a file")
    return outputs


def _file_row(row: tuple[Any, ...]) -> FileRow:
    metadata = parse_json(row[7])
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
