"""Sizes from page headers, against what pyarrow says in the footer, and against what it reads."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebb.errors import InvalidInput
from ebb.formats.parquet import Pages, column_chunks, read_pages, total

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


def pages_of(data: bytes, columns: list[str] | None = None) -> dict[str, Pages]:
    metadata = pq.ParquetFile(io.BytesIO(data)).metadata
    return {
        chunk.path_in_schema: read_pages(io.BytesIO(data), chunk)
        for chunk in column_chunks(metadata, range(metadata.num_row_groups), columns)
    }


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


def test_columns_and_their_parts() -> None:
    assert list(pages_of(written(), ["image", "text"])) == ["text", "image.bytes", "image.path"]
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
    """Each value may share almost all of the one before it."""
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
    metadata = pq.ParquetFile(io.BytesIO(whole)).metadata
    for chunk in column_chunks(metadata, [0]):
        try:
            pages = read_pages(io.BytesIO(bytes(damaged)), chunk)
        except InvalidInput:
            continue
        assert pages.stored_bytes == chunk.total_compressed_size


def test_a_file_that_ends_in_its_pages(tmp_path: Path) -> None:
    data = written(TABLE.slice(0, 20))
    chunk = column_chunks(pq.ParquetFile(io.BytesIO(data)).metadata, [0], ["number"])[0]
    with pytest.raises(InvalidInput, match=r"number: the page header at byte \d+ is damaged"):
        read_pages(io.BytesIO(data[:5]), chunk)
