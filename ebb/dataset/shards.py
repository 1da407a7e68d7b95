"""Shards: Parquet files of records, written in small row groups and read one pair at a time.

Row groups hold 4 pairs, so that reading one pair takes about ten megabytes and not the whole file. Every page
has a checksum, which is verified at reading.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from ebb.dataset.columns import ARRAY, Column
from ebb.dataset.record import (
    COLUMNS,
    IMAGE_COLUMNS,
    Record,
    check_schema,
    checked_values,
    from_row,
    record_row,
    schema,
)
from ebb.dataset.splits import SPLITS, Split
from ebb.errors import InvalidInput, UsageError
from ebb.files import HashingFile, check_regular
from ebb.formats.parquet import Footer, read_footer, read_pages, total
from ebb.hints import write_shards_again

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    import pyarrow as pa
    import pyarrow.parquet as pq

    from ebb.files import BinarySink

ROW_GROUP_PAIRS = 4
"""Pairs in a row group."""

MAX_GROUP_ROWS = 1024
"""Rows of the largest row group that is read."""

MAX_LIST_VALUES = 64
"""Values that a row may have in one column; the longest list of the schema has 16."""

FREE_BYTES = 64 << 20
"""What pages may unpack to without a look at their size in the file; beyond it, to twice that size."""

_NAME = re.compile(rf"({'|'.join(SPLITS)})-([0-9]{{5}})-of-([0-9]{{5}})\.parquet")


@dataclass(frozen=True)
class ShardName:
    """Parts of the name of a shard."""

    split: Split
    index: int
    """0 … count − 1."""
    count: int
    """Number of shards of this split."""


@dataclass(frozen=True, kw_only=True)
class ShardEntry:
    """Size and hash of a shard."""

    rows: int
    row_groups: int
    num_bytes: int
    sha256: str


def shard_name(split: Split, index: int, count: int) -> str:
    """Return the name of one of the ``count`` shards of a split: ``train-00000-of-00012.parquet``."""
    return f"{split}-{index:05d}-of-{count:05d}.parquet"


def parse_shard_name(name: str) -> ShardName:
    """Parse a name made by :func:`shard_name`.

    Raises:
        InvalidInput: it is not such a name, or its index is not below the count.
    """
    match = _NAME.fullmatch(name)
    if match is None or int(match[2]) >= int(match[3]):
        raise InvalidInput(f"{name[:80]!r} is not the name of a shard")
    return ShardName(cast("Split", match[1]), int(match[2]), int(match[3]))


def plan_shards(sizes: Sequence[int], target_bytes: float) -> list[range]:
    """Divide a sequence of records into shards, in order; only a shard of one record exceeds the target.

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
        InvalidInput: not a shard, or damaged; the message names the shard and, if known, the row group.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self.path = path
        with _invalid_input(path, "not a readable shard"):
            check_regular(path)
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
        try:
            with _invalid_input(path, "not a shard of this program"):
                check_schema(self._file.schema_arrow)
                facts = path.stat()
                self._footer = _read_footer(path, facts.st_size, facts.st_mtime_ns)
                groups = range(self._file.metadata.num_row_groups)
                lengths = [self._file.metadata.row_group(group).num_rows for group in groups]
                _check_lengths(lengths)
        except InvalidInput:
            self.close()
            raise
        self.row_groups = tuple(lengths)
        """Records in each row group."""
        self._checked: set[tuple[int, frozenset[str] | None]] = set()

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
            InvalidInput: its row group is damaged or holds a value that is not valid.
        """
        group, place = self._find(index)
        return self._records(group, place, 1)[0]

    def read_values(self, index: int, columns: Sequence[str]) -> dict[str, Any]:
        """Read some columns of one record, images as bytes; this is much faster than :meth:`read`.

        Raises:
            IndexError: there is no such record.
            InvalidInput: one of these columns is damaged in its row group, or null where it must not be.
        """
        group, place = self._find(index)
        with _invalid_input(self.path, f"row group {group}"):
            self._check_pages([group], columns)
            # one by one: what comes after the record is not read
            rows = self._file.iter_batches(batch_size=1, row_groups=[group], columns=list(columns))
            row = next(islice(rows, place, None)).to_pylist()[0]
            return checked_values(row)

    def _find(self, index: int) -> tuple[int, int]:
        """Return the row group of a record and its index there."""
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
            InvalidInput: it is damaged or holds a value that is not valid.
        """
        return self._records(group)

    def column(self, name: str) -> list[Any]:
        """Read one column of all records; other columns are not read.

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
            self._check_pages(range(len(self.row_groups)), columns)
            return self._file.read(columns=list(columns))

    def _records(self, group: int, start: int = 0, length: int | None = None) -> list[Record]:
        with _invalid_input(self.path, f"row group {group}"):
            self._check_pages([group])
            table = self._file.read_row_group(group).slice(start, length)
            return [from_row(row) for row in table.to_pylist()]

    def _check_pages(self, groups: Sequence[int], columns: Sequence[str] | None = None) -> None:
        """Refuse pages that hold more values than the rows can have, or unpack to far more than their size.

        Raises:
            InvalidInput: there are such pages; the message names the column.
        """
        key = (groups[0] if len(groups) == 1 else -1, None if columns is None else frozenset(columns))
        if key in self._checked:
            return
        num_rows = sum(self.row_groups[group] for group in groups)
        found = []
        with self.path.open("rb") as file:
            for chunk in self._footer.chunks(groups, columns):
                pages = read_pages(file, chunk)
                if max(pages.num_values, chunk.num_values) > num_rows * MAX_LIST_VALUES:
                    raise InvalidInput(f"{chunk.name}: {pages.num_values} values in {num_rows} rows")
                found.append(pages)
        pages = total(found)
        if pages.expanded_bytes > FREE_BYTES + 2 * pages.stored_bytes:
            sizes = f"{pages.stored_bytes / 1e6:.1f} MB unpack to {pages.expanded_bytes / 1e6:.0f} MB"
            raise InvalidInput(f"{sizes}, which no shard of this program does")
        self._checked.add(key)


@lru_cache(maxsize=512)
def _read_footer(path: Path, size: int, mtime_ns: int) -> Footer:  # noqa: ARG001 - they tell versions of a file apart
    """The footer of a shard; kept, as training opens its shards again and again."""
    with path.open("rb") as file:
        return read_footer(file)


def _check_lengths(lengths: Sequence[int]) -> None:
    """Refuse row groups that are too large to be held in memory.

    Raises:
        InvalidInput: there is one.
    """
    largest = max(lengths, default=0)
    if largest > MAX_GROUP_ROWS:
        raise InvalidInput(f"a row group of {largest} rows; {MAX_GROUP_ROWS} at most are read at once")


def read_record(path: Path, index: int) -> Record:
    """Read one record of a shard; for many, keep a :class:`ShardReader` open.

    Raises:
        IndexError: there is no such record.
        InvalidInput: not a shard, or damaged; the message names the shard and the row group.
    """
    with ShardReader(path) as reader:
        return reader.read(index)


def _parquet_writer(sink: object) -> pq.ParquetWriter:
    """Make the writer: PNG data is stored uncompressed, other columns are compressed."""
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
    """Convert the errors of reading damaged or foreign bytes to one that names the shard."""
    import pyarrow as pa

    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{what}: {error.message}", path=path) from error
    except FileNotFoundError as error:
        raise InvalidInput("no such shard", path=path, hint=write_shards_again(path.parent)) from error
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise InvalidInput(f"{what}: {error}", path=path, hint=write_shards_again(path.parent)) from error
