from __future__ import annotations

import errno
import hashlib
import io
import os
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.dataset.record import record_row, schema
from ebb.dataset.shards import (
    ROW_GROUP_PAIRS,
    ShardEntry,
    ShardReader,
    parse_shard_name,
    plan_shards,
    read_record,
    shard_name,
    write_shard,
)
from ebb.dataset.splits import SPLITS
from ebb.errors import InvalidInput, UsageError
from ebb.formats.png import decode_png
from tests.helpers.datasets import read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from ebb.dataset.record import Record

    MakeRecord = Callable[..., Record]

NUM_RECORDS = 10


@pytest.fixture(scope="module")
def records(make_record: MakeRecord) -> list[Record]:
    return [make_record(number, bare=number % 3 == 2) for number in range(NUM_RECORDS)]


@pytest.fixture
def shard(tmp_path: Path, records: list[Record]) -> Path:
    path = tmp_path / "train-00000-of-00001.parquet"
    with path.open("wb") as sink:
        write_shard(sink, records)
    return path


def write_rows(path: Path, rows: list[dict[str, Any]], with_schema: pa.Schema) -> Path:
    """A shard written by Arrow without the checks of ebb."""
    pq.write_table(pa.Table.from_pylist(rows, schema=with_schema), path, write_page_checksum=True)
    return path


def test_records_round_trip(shard: Path, records: list[Record]) -> None:
    assert list(read_records(shard)) == records
    assert [read_record(shard, index) for index in (9, 0, 4)] == [records[9], records[0], records[4]]


def test_facts_describe_the_file(tmp_path: Path, records: list[Record]) -> None:
    sink = io.BytesIO()
    facts = write_shard(sink, iter(records))
    data = sink.getvalue()
    assert facts == ShardEntry(
        rows=10, row_groups=3, num_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
    )


def test_equal_records_give_equal_bytes(shard: Path, records: list[Record]) -> None:
    sink = io.BytesIO()
    write_shard(sink, records)
    assert sink.getvalue() == shard.read_bytes()


def test_photos_are_stored_as_they_are_in_small_row_groups(shard: Path) -> None:
    metadata = pq.ParquetFile(shard).metadata
    assert [metadata.row_group(group).num_rows for group in range(3)] == [ROW_GROUP_PAIRS, ROW_GROUP_PAIRS, 2]
    chunks = [metadata.row_group(0).column(index) for index in range(metadata.num_columns)]
    for chunk in chunks:
        name = chunk.path_in_schema.split(".")[0]
        is_image = name in ("wide", "shallow", "depth")
        is_small = not is_image and name != "depth_float16"
        assert chunk.compression == ("UNCOMPRESSED" if is_image else "ZSTD"), chunk.path_in_schema
        assert chunk.has_dictionary_page == is_small, chunk.path_in_schema
        assert chunk.is_stats_set == is_small, chunk.path_in_schema
        assert chunk.has_offset_index


def test_records_are_read_as_they_are_written(records: list[Record]) -> None:
    pulled: list[int] = []
    sink = io.BytesIO()
    written_at: list[int] = []

    def count() -> Iterator[Record]:
        for number, record in enumerate(records):
            pulled.append(number)
            written_at.append(sink.tell())
            yield record

    write_shard(sink, count())
    assert len(pulled) == NUM_RECORDS
    assert written_at[0] == written_at[3] < written_at[4] == written_at[7] < written_at[8]


def test_an_empty_shard_is_a_shard(tmp_path: Path) -> None:
    path = tmp_path / "empty.parquet"
    with path.open("wb") as sink:
        assert write_shard(sink, []).rows == 0
    assert list(read_records(path)) == []


def test_a_full_disk_is_an_os_error(records: list[Record]) -> None:
    class FullDisk(io.RawIOBase):
        written = 0

        def write(self, data: Any) -> int:
            self.written += len(data)
            if self.written > 9_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return len(data)

    with pytest.raises(OSError, match="No space left") as caught:
        write_shard(FullDisk(), records)
    assert caught.value.errno == errno.ENOSPC


def test_exceptions_of_the_records_are_passed_on(make_record: MakeRecord) -> None:
    def broken() -> Iterator[Record]:
        yield make_record(0)
        raise InvalidInput("wide: not a PNG")

    with pytest.raises(InvalidInput, match="wide: not a PNG"):
        write_shard(io.BytesIO(), broken())


def test_pandas_reads_it(shard: Path, records: list[Record]) -> None:
    table = pd.read_parquet(shard)
    assert list(table["pair_id"]) == [record.pair_id for record in records]
    assert table["wide"][3]["bytes"] == records[3].wide
    assert table["depth"][2] is None
    np.testing.assert_array_equal(table["H_shallow_to_wide"][0], records[0].H_shallow_to_wide)
    assert table["captured_at_wide"][0].to_pydatetime() == records[0].captured_at_wide


def test_hugging_face_decodes_the_photos(
    shard: Path, records: list[Record], tmp_path: Path, datasets: ModuleType
) -> None:
    loaded = datasets.load_dataset(
        "parquet", data_files={"train": str(shard)}, cache_dir=str(tmp_path / "cache"), split="train"
    )
    assert loaded.num_rows == NUM_RECORDS
    row = loaded[3]
    np.testing.assert_array_equal(np.asarray(row["wide"]), decode_png(records[3].wide))
    np.testing.assert_array_equal(np.asarray(row["depth"]), decode_png(records[3].depth or b""))
    assert row["H_shallow_to_wide"] == list(records[3].H_shallow_to_wide or ())
    assert row["defocus_map"] == list(records[3].defocus_map or ())
    assert row["captured_at_wide"] == records[3].captured_at_wide
    assert loaded[2]["depth"] is None
    assert loaded[2]["H_shallow_to_wide"] is None


def test_reader_counts_indexes_and_reads_single_columns(shard: Path, records: list[Record]) -> None:
    with ShardReader(shard) as reader:
        assert len(reader) == NUM_RECORDS
        assert reader.row_groups == (4, 4, 2)
        assert reader.column("pair_id") == [record.pair_id for record in records]
        assert reader.read_group(2) == records[8:]
        assert list(reader) == records
        with pytest.raises(IndexError, match=r"record 10 of 10 in train-00000-of-00001\.parquet"):
            reader.read(10)
        with pytest.raises(IndexError, match="record -1 of 10"):
            reader.read(-1)


def test_flips_in_stored_values_are_errors_that_name_the_row_group(
    shard: Path, tmp_path: Path, records: list[Record]
) -> None:
    data = shard.read_bytes()
    rng = np.random.default_rng(7)
    for record in records:
        broken = bytearray(data)
        position = data.index(record.wide) + int(rng.integers(len(record.wide)))
        broken[position] ^= 1 << int(rng.integers(8))
        path = tmp_path / "broken.parquet"
        path.write_bytes(broken)
        group = records.index(record) // ROW_GROUP_PAIRS
        with pytest.raises(InvalidInput, match=rf"broken\.parquet: row group {group}: .*CRC"):
            list(read_records(path))


@pytest.mark.parametrize("column", ["wide", "shallow", "pair_id", "width"])
def test_a_null_where_none_may_be_is_an_error_that_names_the_column(
    tmp_path: Path, records: list[Record], column: str
) -> None:
    path = write_rows(tmp_path / "null.parquet", [{**record_row(records[0]), column: None}], schema())
    for read in (lambda: read_record(path, 0), lambda: ShardReader(path).read_values(0, [column])):
        with pytest.raises(InvalidInput, match=rf"null.parquet: row group 0: {column}: .*None"):
            read()


@pytest.mark.parametrize("column", ["wide", "depth"])
def test_a_picture_without_bytes_is_an_error(tmp_path: Path, records: list[Record], column: str) -> None:
    row = {**record_row(records[0]), column: {"bytes": None, "path": None}}
    with (
        ShardReader(write_rows(tmp_path / "null.parquet", [row], schema())) as reader,
        pytest.raises(InvalidInput, match=f"null.parquet: row group 0: {column}: has a path but no bytes"),
    ):
        reader.read_values(0, [column])


def test_a_pipe_or_a_device_is_refused(tmp_path: Path) -> None:
    """Opening a pipe waits for a writer, and reading a device may never end."""
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "pipe", Path("/dev/zero")):
        path = tmp_path / f"{target.name}.parquet"
        path.symlink_to(target)
        with pytest.raises(InvalidInput, match=rf"{path.name}: not a readable shard: .*not a regular file"):
            ShardReader(path)


def test_truncated_shards_are_refused(shard: Path, tmp_path: Path) -> None:
    data, path = shard.read_bytes(), tmp_path / "short.parquet"
    for length in (0, 3, 8, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(InvalidInput, match=r"short\.parquet: not a readable shard"):
            read_record(path, 0)


def test_other_files_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not Parquet at all, but long enough to have a footer")
    with pytest.raises(InvalidInput, match=r"notes\.txt: not a readable shard: .*ebb shard"):
        list(read_records(text))
    with pytest.raises(InvalidInput, match=r"gone\.parquet: no such shard"):
        list(read_records(tmp_path / "gone.parquet"))
    with pytest.raises(InvalidInput, match="not a readable shard"):
        list(read_records(tmp_path))


def test_other_parquet_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"image": [b"x"]}), path)
    with pytest.raises(InvalidInput, match="not a shard of this program: ebb_schema_version is 'none'"):
        ShardReader(path)


def test_wrong_types_are_named(tmp_path: Path, records: list[Record]) -> None:
    rows = [{**record_row(records[0]), "width": "24"}]
    index = schema().get_field_index("width")
    path = write_rows(tmp_path / "s.parquet", rows, schema().set(index, pa.field("width", pa.string())))
    with pytest.raises(InvalidInput, match="width: type is string, not int32"):
        ShardReader(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source_wide": "/etc/passwd"}, "row group 0: source_wide: expected a file name without a folder"),
        ({"pair_id": "../0000000000000"}, "row group 0: pair_id: expected 16 hex digits"),
        ({"width": None}, "row group 0: width: expected a whole number of at least 0, got None"),
        ({"residual_px": float("nan")}, "row group 0: residual_px: expected a finite float"),
        ({"depth": {"bytes": b"\x89PNG", "path": None}}, "row group 0: depth: not the image"),
    ],
)
def test_malicious_rows_are_named(
    tmp_path: Path, records: list[Record], change: dict[str, Any], message: str
) -> None:
    path = write_rows(tmp_path / "s.parquet", [{**record_row(records[0]), **change}], schema())
    with pytest.raises(InvalidInput, match=message):
        read_record(path, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wide": None}, "wide: expected bytes, got None"),
        ({"shallow": {"bytes": None, "path": None}}, "shallow: has a path but no bytes"),
        ({"pair_id": None}, "pair_id: expected text, got None"),
        ({"H_shallow_to_wide": [1.0, 2.0]}, "H_shallow_to_wide: expected 9 finite floats"),
    ],
)
def test_single_values_are_checked(
    tmp_path: Path, records: list[Record], change: dict[str, Any], message: str
) -> None:
    path = write_rows(tmp_path / "s.parquet", [{**record_row(records[0]), **change}], schema())
    with ShardReader(path) as reader, pytest.raises(InvalidInput, match=f"row group 0: {message}"):
        reader.read_values(0, ["pair_id", "wide", "shallow", "H_shallow_to_wide"])


def bomb(path: Path, row: dict[str, Any], num_rows: int) -> Path:
    """Equal rows, of which Parquet stores the first."""
    table = pa.Table.from_pylist([row], schema=schema())
    places = pa.array(np.zeros(num_rows, np.int64))
    columns = [column.combine_chunks().take(places) for column in table.columns]
    pq.write_table(pa.table(columns, schema=schema()), path, compression="zstd")
    assert path.stat().st_size < 200_000
    return path


def test_small_files_that_decompress_to_gigabytes(
    tmp_path: Path, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are refused before a page is decompressed, for every way of reading."""
    row = {**record_row(records[0]), "software": "x" * 2_000_000}
    path = bomb(tmp_path / "s.parquet", row, 100)
    with ShardReader(path) as reader, monkeypatch.context() as patch:
        patch.setattr(reader, "_file", None)  # nothing is left to read with
        for read in (
            lambda: reader.read(0),
            lambda: reader.read_values(0, ["software"]),
            lambda: reader.table(["software"]),
        ):
            with pytest.raises(InvalidInput, match=r"MB unpack to \d+ MB, which no shard of this program"):
                read()


def test_row_groups_of_too_many_rows(tmp_path: Path, records: list[Record]) -> None:
    path = bomb(tmp_path / "s.parquet", record_row(records[0]), 2000)
    with pytest.raises(InvalidInput, match="a row group of 2000 rows; 1024 at most"):
        ShardReader(path)


def test_lists_of_too_many_values(tmp_path: Path, records: list[Record]) -> None:
    path = write_rows(
        tmp_path / "s.parquet", [{**record_row(records[0]), "H_shallow_to_wide": [0.5] * 100_000}], schema()
    )
    with pytest.raises(InvalidInput, match=r"H_shallow_to_wide\.list\.element: 100000 values in 1 rows"):
        read_record(path, 0)


def test_text_that_is_not_utf8_is_refused(tmp_path: Path, records: list[Record]) -> None:
    table = pa.Table.from_pylist([record_row(records[0])], schema=schema())
    index = schema().get_field_index("camera")
    garbage = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
    path = tmp_path / "s.parquet"
    pq.write_table(table.set_column(index, schema().field(index), garbage), path)
    with pytest.raises(InvalidInput, match=r"row group 0: .*utf-8"):
        read_record(path, 0)


@settings(deadline=None)
@given(st.lists(st.integers(0, 1000), max_size=60), st.integers(1, 3000))
def test_a_plan_covers_everything_once_and_keeps_to_the_target(sizes: list[int], target: int) -> None:
    plan = plan_shards(sizes, target)
    assert [index for shard in plan for index in shard] == list(range(len(sizes)))
    assert all(len(shard) == 1 or sum(sizes[index] for index in shard) <= target for shard in plan)
    for shard, following in pairwise(plan):  # no shard could have taken one more
        assert sum(sizes[index] for index in shard) + sizes[following[0]] > target


def test_a_plan_by_hand() -> None:
    assert plan_shards([4, 4, 4, 20, 1], 10) == [range(2), range(2, 3), range(3, 4), range(4, 5)]
    assert plan_shards([], 10) == []


@pytest.mark.parametrize("target", [0, -1, float("nan")])
def test_a_shard_needs_a_size(target: float) -> None:
    with pytest.raises(UsageError, match="must be above 0"):
        plan_shards([1], target)


@given(st.sampled_from(SPLITS), st.integers(0, 99_998), st.data())
def test_names_round_trip(split: Any, index: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(index + 1, 99_999))
    name = parse_shard_name(shard_name(split, index, count))
    assert (name.split, name.index, name.count) == (split, index, count)
    assert shard_name("train", 0, 12) == "train-00000-of-00012.parquet"


@pytest.mark.parametrize(
    "name",
    [
        "../train-00000-of-00001.parquet",
        "train-00000-of-00001.parquet\n",
        "train-00001-of-00001.parquet",
        "train-٠٠٠٠٠-of-00001.parquet",
        "all-00000-of-00001.parquet",
        "train-0-of-1.parquet",
        "",
    ],
)
def test_names_that_are_not_shards_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="is not the name of a shard"):
        parse_shard_name(name)
