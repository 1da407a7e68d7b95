"""``state.sqlite``: the metadata of every camera file and the outcome of every stage of every pair.

One row for each (pair, stage), written when the outputs are on disk: the row is the done mark. The file is
opened in WAL mode with ``synchronous=FULL``, so that a committed row survives a power cut. Every row ends
with a hash of its values: a row that was damaged on disk is an error and never a wrong value.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from ebb.codec import from_plain, to_plain
from ebb.documents import parse_json
from ebb.errors import InvalidInput, Reason, Status
from ebb.files import sha256_bytes
from ebb.photo.capture import FileMetadata
from ebb.settings import canonical_json
from ebb.state_file import TABLES, damaged, open_state_file, sqlite_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

T = TypeVar("T")

_PROVISIONAL = "?"
"""End of a split in the table that is provisional."""


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
        self._db = open_state_file(path, read_only=read_only)

    def check(self) -> None:
        """Read every row.

        Raises:
            InvalidInput: one is damaged.
        """
        for table in TABLES:
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
        """Split of every pair that has one, provisional ones included."""
        return self.final_splits() | self.provisional_splits()

    def final_splits(self) -> dict[str, str]:
        """Splits that never change."""
        return {key: split for key, split in self._all_splits() if not split.endswith(_PROVISIONAL)}

    def provisional_splits(self) -> dict[str, str]:
        """Splits that were assigned while a camera file could not be read."""
        found = (row for row in self._all_splits() if row[1].endswith(_PROVISIONAL))
        return {key: split.removesuffix(_PROVISIONAL) for key, split in found}

    def _all_splits(self) -> list[tuple[str, str]]:
        return [(str(key), str(split)) for key, split in self._rows("SELECT * FROM splits")]

    def put_splits(self, splits: Mapping[str, str], provisional: Mapping[str, str] | None = None) -> None:
        """Add splits in one transaction; final ones are kept.

        Args:
            splits: Final splits by pair_id and by scene.
            provisional: Provisional splits in place of all earlier ones; ``None`` keeps those.
        """
        marked = {key: f"{split}{_PROVISIONAL}" for key, split in (provisional or {}).items()}
        with sqlite_errors(self._path, is_writing=True), self._db:
            self._db.execute("BEGIN")
            if provisional is not None:
                self._db.execute("DELETE FROM splits WHERE split LIKE ?", (f"%{_PROVISIONAL}",))
            rows = [_with_hash(*item) for item in sorted((marked | dict(splits)).items())]
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
            raise damaged(self._path, "a row is not the one that was written")
        return [row[:-1] for row in found]

    def _read(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with sqlite_errors(self._path, is_writing=False):
            return self._db.execute(statement, values).fetchall()

    def _write(self, statement: str, values: tuple[object, ...] = ()) -> None:
        with sqlite_errors(self._path, is_writing=True):
            self._db.execute(statement, values)

    @contextmanager
    def _understanding(self) -> Iterator[None]:
        try:
            yield
        except (InvalidInput, ValueError) as error:
            hint = "use the ebb that made it, or a newer one"
            raise InvalidInput(f"a row cannot be understood: {error}", path=self._path, hint=hint) from error


def _with_hash(*values: object) -> tuple[object, ...]:
    """A row with the hash of its values behind them."""
    text = json.dumps(values, default=repr)  # damage can turn text into bytes
    return *values, sha256_bytes(text.encode())[:16]


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
