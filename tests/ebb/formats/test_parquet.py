"""Sizes from page headers, against what pyarrow says in the footer, and against what it reads."""

from __future__ import annotations

import contextlib
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebb.errors import InvalidInput
from ebb.formats.parquet import Chunk, CompactReader, Pages, read_footer, read_pages, total

TABLE = pa.table(
    {
        "text": ["near", "far", None, "near"] * 500,
        "number": list(range(2000)),
        "list": [[0.5] * (i % 4) for i in range(2000)],
        "image": [{"bytes": bytes([i % 256]) * 900, "path": f"{i}.png"} for i in range(2000)],
    }
)


def written(table: pa.Table = TABLE, **options: object) -> bytes:
    pq.write_table(table, sink := io.BytesIO(), **options)
    return sink.getvalue()


def read_chunks(file: io.BytesIO) -> list[Chunk]:
    footer = read_footer(file)
    return list(footer.chunks(range(len(footer.numbers))))


def pages_of(data: bytes) -> dict[str, Pages]:
    file = io.BytesIO(data)
    return {chunk.name: read_pages(file, chunk) for chunk in read_chunks(file)}


def test_the_footer_as_pyarrow_reads_it() -> None:
    data = written(row_group_size=700, compression="ZSTD")
    metadata = pq.ParquetFile(io.BytesIO(data)).metadata
    chunks = read_chunks(io.BytesIO(data))
    assert len(chunks) == 3 * 5
    for number, chunk in enumerate(chunks):
        theirs = metadata.row_group(number // 5).column(number % 5)
        assert chunk.name == theirs.path_in_schema
        assert (chunk.num_values, chunk.num_bytes) == (theirs.num_values, theirs.total_compressed_size)
        assert chunk.start == (theirs.dictionary_page_offset or theirs.data_page_offset)
    some = read_footer(io.BytesIO(data)).chunks([2], ["image", "text"])
    assert [chunk.name for chunk in some] == ["text", "image.bytes", "image.path"]


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["NONE", "ZSTD", "SNAPPY"])
@pytest.mark.parametrize("use_dictionary", [False, True])
def test_sums_are_those_of_the_footer(version: str, compression: str, use_dictionary: bool) -> None:
    """The footer counts the headers as well; without a dictionary pages are cut at 1000 bytes."""
    data = written(
        compression=compression,
        use_dictionary=use_dictionary,
        data_page_version=version,
        data_page_size=1000,
        write_page_checksum=True,
    )
    group = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    chunks = {chunk.path_in_schema: chunk for chunk in map(group.column, range(group.num_columns))}
    for name, pages in pages_of(data).items():
        chunk = chunks[name]
        headers = chunk.total_uncompressed_size - pages.data_bytes - pages.dictionary_bytes
        assert pages.num_values == chunk.num_values
        assert pages.stored_bytes == chunk.total_compressed_size
        assert 0 < headers < 0.5 * chunk.total_uncompressed_size
        assert (pages.dictionary_bytes > 0) == chunk.has_dictionary_page


def test_sums_over_columns() -> None:
    found = list(pages_of(written()).values())
    assert total(found).num_values == sum(pages.num_values for pages in found)
    assert total([]) == Pages()


def test_a_dictionary_counts_once_for_each_value() -> None:
    repeated = pa.table({"text": ["x" * 1000] * 50_000})
    data = written(repeated, compression="ZSTD")
    (pages,) = pages_of(data).values()
    assert len(data) < 10_000
    assert pages.expanded_bytes >= 50_000 * 1000
    plain = next(iter(pages_of(written(repeated, use_dictionary=False, compression="ZSTD")).values()))
    assert plain.expanded_bytes == plain.data_bytes >= 50_000 * 1000


def test_encodings_that_no_header_bounds() -> None:
    """Each value may share almost all bytes of the previous one."""
    data = written(TABLE.select(["text"]), use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"})
    with pytest.raises(InvalidInput, match="text: a page of encoding 7; expected plain or dictionary"):
        pages_of(data)


@given(st.data())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_headers_are_refused_or_read(data: st.DataObject) -> None:
    whole = written(TABLE.slice(0, 20), write_page_checksum=True)
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(4, len(whole) // 2))
        damaged[place] = data.draw(st.integers(0, 255))
    for chunk in read_chunks(io.BytesIO(whole)):
        try:
            pages = read_pages(io.BytesIO(bytes(damaged)), chunk)
        except InvalidInput:
            continue
        assert pages.stored_bytes == chunk.num_bytes


@given(st.data())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_footers_are_refused_or_read(data: st.DataObject) -> None:
    whole = written(TABLE.slice(0, 20))
    length = int.from_bytes(whole[-8:-4], "little")
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[len(whole) - data.draw(st.integers(1, length + 8))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidInput):
        assert all(chunk.num_bytes >= 0 for chunk in read_chunks(io.BytesIO(bytes(damaged))))


@pytest.mark.parametrize("data", [b"", b"PAR1", bytes(8) + b"PAR1", b"PAR1" + b"\xff\xff\xff\x7fPAR1"])
def test_files_without_the_end_of_a_parquet_file(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="the end is not that of a Parquet file"):
        read_chunks(io.BytesIO(data))


def test_a_file_that_ends_in_its_pages() -> None:
    data = written(TABLE.slice(0, 20))
    chunk = next(chunk for chunk in read_chunks(io.BytesIO(data)) if chunk.name == "number")
    with pytest.raises(InvalidInput, match=r"number: the page header at byte \d+ is damaged"):
        read_pages(io.BytesIO(data[:5]), chunk)


@pytest.mark.parametrize(
    "data",
    [
        b"\x1c" * 50,  # structures inside structures
        b"\x19\xf9" + b"\xff" * 8 + b"\x7f",  # a list longer than the file
        b"\x15" + b"\xff" * 20,  # a number without an end
        b"\x18\x7fabc",  # bytes beyond the end
        b"\x1d",  # a type that there is not
    ],
)
def test_invalid_structures(data: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        CompactReader(data).structure({1: {}})
