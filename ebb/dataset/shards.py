"""Shards: Parquet files of records, written in small checked row groups and read back one pair at a time.

Rows lie in groups of 4 pairs, so that one pair is a read of some ten megabytes and not of the whole file.
Every page carries a checksum, verified whenever it is read: without it a flipped bit goes unnoticed.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from ebb.dataset.columns import ARRAY, Column
from ebb.dataset.record import (
    COLUMNS,
    IMAGE_COLUMNS,
    Record,
    check_schema,
    from_row,
    record_row,
    schema,
)
from ebb.dataset.splits import SPLITS, Split
from ebb.errors import InvalidInput, UsageError
from ebb.files import HashingFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    import pyarrow as pa
    import pyarrow.parquet as pq

    from ebb.files import BinarySink

ROW_GROUP_PAIRS = 4
"""Pairs in one row group: the unit of reading."""

_NAME = re.compile(rf"({'|'.join(SPLITS)})-([0-9]{{5}})-of-([0-9]{{5}})\.parquet")


@dataclass(frozen=True)
class ShardName:
    """What the name of a shard says."""

    split: Split
    index: int
    """0 … count − 1."""
    count: int
    """Shards of this split."""


@dataclass(frozen=True, kw_only=True)
class ShardEntry:
    """What a whole, undamaged shard file is known by."""

    rows: int
    row_groups: int
    num_bytes: int
    sha256: str


def shard_name(split: Split, index: int, count: int) -> str:
    """Name of one of the ``count`` shards of a split: ``train-00000-of-00012.parquet``."""
    return f"{split}-{index:05d}-of-{count:05d}.parquet"


def parse_shard_name(name: str) -> ShardName:
    """Read a name that :func:`shard_name` made.

    Raises:
        InvalidInput: no such name, or an index that is not below the count.
    """
    match = _NAME.fullmatch(name)
    if match is None or int(match[2]) >= int(match[3]):
        raise InvalidInput(f"{name[:80]!r} is not the name of a shard")
    return ShardName(cast("Split", match[1]), int(match[2]), int(match[3]))


def plan_shards(sizes: Sequence[int], target_bytes: float) -> list[range]:
    """Cut a sequence of records into shards, in order, none above the target unless one record alone is.

    Args:
        sizes: Bytes of each record.
        target_bytes: Largest size of a shard.

    Returns:
        Index ranges that cover ``sizes``; empty for no records.

    Raises:
        UsageError: the target is not above 0.
    """
    if not target_bytes > 0:
        raise UsageError(f"the size of a shard must be above 0, not {target_bytes:g}")
    starts, filled = [0], 0
    for index, size in enumerate(sizes):
        if index > starts[-1] and filled + size > target_bytes:
            starts.append(index)
            filled = 0
        filled += size
    return [range(*ends) for ends in zip(starts, [*starts[1:], len(sizes)], strict=True)] if sizes else []


def write_shard(sink: BinarySink, records: Iterable[Record]) -> ShardEntry:
    """Stream records into one Parquet file; equal records give equal bytes.

    At most :data:`ROW_GROUP_PAIRS` records are held at a time.

    Args:
        sink: Binary file open for writing, at its beginning. It is not closed.
        records: The rows; read once, in order.

    Raises:
        OSError: the sink cannot take the bytes.
    """
    import pyarrow as pa

    hashing = sink if isinstance(sink, HashingFile) else HashingFile(sink)
    rows = row_groups = 0
    remaining = iter(records)
    with _parquet_writer(pa.PythonFile(hashing, mode="w")) as writer:
        while group := [record_row(record) for record in islice(remaining, ROW_GROUP_PAIRS)]:
            writer.write_table(pa.Table.from_pylist(group, schema=schema()))
            rows += len(group)
            row_groups += 1
    return ShardEntry(rows=rows, row_groups=row_groups, num_bytes=hashing.num_bytes, sha256=hashing.sha256)


class ShardReader:
    """One open shard: its records in order or by index, page checksums verified.

    A reader holds an open file and belongs to one thread of one process; workers open their own.

    Raises:
        InvalidInput: not a shard, or damaged; the message names the shard, and the row group where it can.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self.path = path
        with _invalid_input(path, "not a readable shard"):
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
        try:
            with _invalid_input(path, "not a shard of this program"):
                check_schema(self._file.schema_arrow)
                groups = range(self._file.metadata.num_row_groups)
                lengths = [self._file.metadata.row_group(group).num_rows for group in groups]
        except InvalidInput:
            self.close()
            raise
        self.row_groups = tuple(lengths)
        """Records in each row group."""

    def __len__(self) -> int:
        return sum(self.row_groups)

    def __iter__(self) -> Iterator[Record]:
        for group in range(len(self.row_groups)):
            yield from self.read_group(group)

    def __enter__(self) -> ShardReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, index: int) -> Record:
        """Read one record.

        Raises:
            IndexError: there is no such record.
            InvalidInput: its row group is damaged or holds something no row may hold.
        """
        group, place = self._find(index)
        return self._records(group, place, 1)[0]

    def read_values(self, index: int, columns: Sequence[str]) -> dict[str, Any]:
        """Read some columns of one record: of images the bytes. A fraction of the time of :meth:`read`.

        Raises:
            IndexError: there is no such record.
            InvalidInput: one of these columns is damaged in its row group.
        """
        group, place = self._find(index)
        with _invalid_input(self.path, f"row group {group}"):
            # one by one: what comes after the record is not read
            rows = self._file.iter_batches(batch_size=1, row_groups=[group], columns=list(columns))
            row = next(islice(rows, place, None)).to_pylist()[0]
        images = {name for name in IMAGE_COLUMNS if row.get(name) is not None}
        return {name: value["bytes"] if name in images else value for name, value in row.items()}

    def _find(self, index: int) -> tuple[int, int]:
        """Row group of a record, and its place there."""
        if not 0 <= index < len(self):
            raise IndexError(f"record {index} of {len(self)} in {self.path.name}")
        group = 0
        while index >= self.row_groups[group]:
            index -= self.row_groups[group]
            group += 1
        return group, index

    def read_group(self, group: int) -> list[Record]:
        """Read the records of one row group.

        Raises:
            InvalidInput: it is damaged or holds something no row may hold.
        """
        return self._records(group)

    def column(self, name: str) -> list[Any]:
        """Read one column alone; without the photos, a list of all pair_ids takes milliseconds.

        Raises:
            InvalidInput: the column is damaged.
        """
        return cast("list[Any]", self.table([name])[name].to_pylist())

    def table(self, columns: Sequence[str]) -> pa.Table:
        """Read some columns of all records.

        Raises:
            InvalidInput: one of them is damaged.
        """
        with _invalid_input(self.path, f"column {', '.join(columns)} is damaged"):
            return self._file.read(columns=list(columns))

    def _records(self, group: int, start: int = 0, length: int | None = None) -> list[Record]:
        with _invalid_input(self.path, f"row group {group}"):
            table = self._file.read_row_group(group).slice(start, length)
            return [from_row(row) for row in table.to_pylist()]


def read_record(path: Path, index: int) -> Record:
    """Read one record of a shard; for many, keep a :class:`ShardReader` open.

    Raises:
        IndexError: there is no such record.
        InvalidInput: not a shard, or damaged; the message names the shard and the row group.
    """
    with ShardReader(path) as reader:
        return reader.read(index)


def _parquet_writer(sink: object) -> pq.ParquetWriter:
    """Parquet settings of a shard: PNG is stored as it is, arrays and the small columns are packed."""
    import pyarrow.parquet as pq

    images = [f"{name}.{part}" for name in IMAGE_COLUMNS for part in ("bytes", "path")]
    arrays = [column.name for column in COLUMNS if column.kind is ARRAY]
    large = {*IMAGE_COLUMNS, *arrays}
    others = [_leaf(column) for column in COLUMNS if column.name not in large]
    return pq.ParquetWriter(
        sink,
        schema(),
        compression=dict.fromkeys(images, "NONE") | dict.fromkeys([*arrays, *others], "ZSTD"),
        use_dictionary=others,
        write_statistics=others,
        write_page_checksum=True,
        write_page_index=True,
        write_batch_size=1,  # pages are cut after whole photos, for readers that use the page index
    )


def _leaf(column: Column) -> str:
    """Path of the Parquet column that holds the values of a column which is not an image."""
    return f"{column.name}.list.element" if column.kind.length else column.name


@contextmanager
def _invalid_input(path: Path, what: str) -> Iterator[None]:
    """Turn whatever reading damaged or foreign bytes raises into one error that names the shard."""
    import pyarrow as pa

    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{what}: {error.message}", path=path) from error
    except FileNotFoundError as error:
        raise InvalidInput("no such shard", path=path) from error
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise InvalidInput(f"{what}: {error}", path=path, hint="write it again with: ebb shard") from error
