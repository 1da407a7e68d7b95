from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ebb.dataset.record import record_row, schema
from ebb.dataset.shards import ShardEntry, write_shard
from ebb.dataset.verify import verify_shard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ebb.dataset.record import Record

NUM_RECORDS = 6


@pytest.fixture(scope="module")
def records(make_record: Callable[..., Record]) -> list[Record]:
    return [make_record(number) for number in range(NUM_RECORDS)]


@pytest.fixture(scope="module")
def written(records: list[Record]) -> tuple[bytes, ShardEntry]:
    sink = io.BytesIO()
    facts = write_shard(sink, records)
    return sink.getvalue(), facts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "val-00000-of-00001.parquet"


def facts_of(path: Path, rows: int, row_groups: int) -> ShardEntry:
    """Facts that agree with the bytes of the file, so that only its content can be wrong."""
    data = path.read_bytes()
    return ShardEntry(
        rows=rows, row_groups=row_groups, num_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
    )


def verify_rows(path: Path, rows: list[dict[str, Any]]) -> list[str]:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema()), path, write_page_checksum=True)
    return verify_shard(path, facts_of(path, len(rows), 1))


def test_an_undamaged_shard_has_no_problems(path: Path, written: tuple[bytes, ShardEntry]) -> None:
    path.write_bytes(written[0])
    assert verify_shard(path, written[1]) == []


def test_every_flipped_bit_is_found(path: Path, written: tuple[bytes, ShardEntry]) -> None:
    data, facts = written
    rng = np.random.default_rng(60)
    for position in rng.integers(0, len(data), 60):
        broken = bytearray(data)
        broken[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(broken)
        problems = verify_shard(path, facts)
        assert problems, f"a flip at byte {position} was not found"
        assert problems[0].startswith("val-00000-of-00001.parquet: SHA-256 is ")


def test_damage_is_located(path: Path, written: tuple[bytes, ShardEntry], records: list[Record]) -> None:
    broken = bytearray(written[0])
    broken[broken.index(records[5].shallow) + 700] ^= 4
    path.write_bytes(broken)
    problems = verify_shard(path, facts_of(path, NUM_RECORDS, 2))
    assert len(problems) == 1
    assert "row group 1" in problems[0]
    assert "CRC" in problems[0]


def test_facts_that_differ_are_reported(path: Path, written: tuple[bytes, ShardEntry]) -> None:
    data, facts = written
    path.write_bytes(data)
    wrong = replace(facts, rows=7, row_groups=3, num_bytes=1)
    assert verify_shard(path, wrong) == [
        f"val-00000-of-00001.parquet: {problem}"
        for problem in (f"{len(data)} bytes, not 1", "6 rows, not 7", "2 row groups, not 3")
    ]


def test_missing_and_foreign_files_are_problems(path: Path, written: tuple[bytes, ShardEntry]) -> None:
    assert verify_shard(path, written[1]) == [
        "val-00000-of-00001.parquet: cannot be read: No such file or directory"
    ]
    path.write_bytes(b"not Parquet at all")
    problems = verify_shard(path, written[1])
    assert problems[0].endswith(f"18 bytes, not {written[1].num_bytes}")
    assert "not a readable shard" in problems[1]


def test_another_schema_version_is_a_problem(path: Path) -> None:
    metadata = {**schema().metadata, b"ebb_schema_version": b"99"}
    pq.write_table(schema().empty_table().replace_schema_metadata(metadata), path)
    problems = verify_shard(path, facts_of(path, 0, 0))
    assert len(problems) == 1
    assert "ebb_schema_version is '99'" in problems[0]


def test_pairs_stored_twice_are_found(path: Path, records: list[Record]) -> None:
    problems = verify_rows(path, [record_row(records[0]), record_row(records[1]), record_row(records[0])])
    pair_id = records[0].pair_id
    assert problems == [f"val-00000-of-00001.parquet: row group 0: pair {pair_id} is there twice"]


def test_pixels_that_cannot_be_decoded_are_found(path: Path, records: list[Record]) -> None:
    row = record_row(records[0])
    damaged = bytearray(row["wide"]["bytes"])
    damaged[60] ^= 1  # behind the header, which is all that a record looks at
    row["wide"]["bytes"] = bytes(damaged)
    row["depth"]["bytes"] = row["depth"]["bytes"][:-3]
    row["depth_float16"] = row["depth_float16"][:-2] + b"\xff\xff"
    pair_id = records[0].pair_id
    where = f"val-00000-of-00001.parquet: pair {pair_id}"
    assert verify_rows(path, [row]) == [
        f"{where}, wide: the image is damaged: PNG chunk b'IDAT' has a wrong checksum",
        f"{where}, depth: the image is truncated: the PNG has no IEND chunk",
        f"{where}, depth_float16: NPY holds values that are not finite",
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"width": 23}, "wide: expected 8-bit RGB of 23x17 pixels"),
        ({"pair_id": "0" * 15}, "pair_id: expected 16 hex digits"),
    ],
)
def test_rows_that_contradict_themselves_are_found(
    path: Path, records: list[Record], change: dict[str, Any], problem: str
) -> None:
    problems = verify_rows(path, [{**record_row(records[0]), **change}])
    assert len(problems) == 1
    assert problem in problems[0]


def test_depth_of_the_wrong_size_is_found(path: Path, records: list[Record]) -> None:
    row = record_row(records[0])
    row["depth"]["bytes"] = row["wide"]["bytes"]
    assert "depth: expected 8-bit grey of 12x8 pixels" in verify_rows(path, [row])[0]
