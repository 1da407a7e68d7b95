"""The catalogue: round trip, pairs in shooting order, errors."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ebb.dataset.catalog import CatalogRow, pairs_of, read_catalog, scenes_of, write_catalog
from ebb.errors import InvalidInput, Reason, Status

WIDE = CatalogRow(
    folder="/raw",
    name="a b/Фото [1].DNG",
    sha256="0" * 64,
    width=30,
    height=20,
    camera="C",
    f_number=16.0,
    captured_at=datetime(2020, 1, 2, 3, 4, 5, 678000),
    role="wide",
    pair_id="ab",
)


def as_pair(pair_id: str, name: str, **values: object) -> list[CatalogRow]:
    wide = replace(WIDE, pair_id=pair_id, name=name, **values)  # type: ignore[arg-type]
    return [wide, replace(wide, name=f"{name}s", role="shallow")]


def test_rows_round_trip(tmp_path: Path) -> None:
    rows = [
        WIDE,
        CatalogRow(folder="/raw", name="x", status=Status.ERROR, reason=Reason.UNREADABLE, detail="why"),
    ]
    (tmp_path / "captures.parquet").write_bytes(write_catalog(rows))
    assert read_catalog(tmp_path / "captures.parquet") == rows
    table = pd.read_parquet(tmp_path / "captures.parquet")
    assert table["name"].tolist() == [WIDE.name, "x"]
    assert table["captured_at"][0] == pd.Timestamp(WIDE.captured_at)


def test_equal_rows_give_equal_bytes() -> None:
    assert write_catalog([WIDE]) == write_catalog([replace(WIDE)])


def test_pairs_come_in_shooting_order_then_by_natural_name() -> None:
    late = datetime(2021, 1, 1)
    rows = [
        *as_pair("4", "IMG_10", captured_at=late),
        *as_pair("3", "IMG_9", captured_at=late),
        *as_pair("2", "z"),
        *as_pair("1", "a", captured_at=None),
    ]
    assert [pair.pair_id for pair in pairs_of(rows)] == ["1", "2", "3", "4"]


def test_pairs_of_a_series_share_the_wide_photo_and_its_depth() -> None:
    scene = "0123456789abcdef"
    wide, shallow = as_pair(scene, "a")
    depth = replace(wide, name="a_depth.png", role="depth")
    further = [replace(shallow, name=f"b{f}", pair_id=f"{scene}-f{f:03d}") for f in (80, 28)]
    pairs = pairs_of([wide, *further, shallow, depth, *as_pair("ab", "c", captured_at=None)])
    assert [pair.pair_id for pair in pairs] == ["ab", scene, f"{scene}-f028", f"{scene}-f080"]
    assert all((pair.wide, pair.depth, pair.scene) == (wide, depth, scene) for pair in pairs[1:])
    assert scenes_of(pairs) == {"ab": pairs[:1], scene: pairs[1:]}
    assert [pair.series for pair in pairs] == [(), *3 * [(shallow.sha256,) * 3]]
    assert pairs_of([shallow, *further]) == []


def test_catalogues_from_before_there_were_series_are_read(tmp_path: Path) -> None:
    path = tmp_path / "captures.parquet"
    row = replace(WIDE, scene="ab", partner_f_number=1.8)
    table = pq.read_table(io.BytesIO(write_catalog([row])))
    pq.write_table(table.drop_columns(["scene", "partner_f_number"]), path)
    assert read_catalog(path) == [replace(row, partner_f_number=None)]


def test_a_pair_needs_both_photos_and_may_have_depth() -> None:
    wide, shallow = as_pair("1", "a")
    depth = replace(wide, name="a_depth.png", role="depth")
    assert pairs_of([wide]) == []
    assert pairs_of([wide, replace(shallow, status=Status.ERROR)]) == []
    assert pairs_of([wide, shallow])[0].depth is None
    assert pairs_of([depth, wide, shallow])[0].depth == depth
    assert not pairs_of([wide, shallow])[0].is_imported


def test_missing_and_broken_catalogues(tmp_path: Path) -> None:
    path = tmp_path / "captures.parquet"
    with pytest.raises(InvalidInput, match="no catalogue here .*ebb ingest"):
        read_catalog(path)
    data = bytearray(write_catalog([WIDE]))
    path.write_bytes(data[:-20])
    with pytest.raises(InvalidInput, match="not a readable catalogue"):
        read_catalog(path)
    for column in ("status", "reason"):
        table = pq.read_table(io.BytesIO(write_catalog([WIDE])))
        words = pa.array(["of_a_newer_ebb"])
        pq.write_table(table.set_column(table.column_names.index(column), column, words), path)
        with pytest.raises(InvalidInput, match="'of_a_newer_ebb' .*remove it and run ebb ingest again"):
            read_catalog(path)
    pd.DataFrame({"name": ["x"]}).to_parquet(path)
    with pytest.raises(InvalidInput, match="not a readable catalogue"):
        read_catalog(path)


def test_a_pair_id_outside_the_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "captures.parquet"
    path.write_bytes(write_catalog([replace(WIDE, pair_id="../../ab")]))
    with pytest.raises(InvalidInput, match="'../../ab' is not a pair_id"):
        read_catalog(path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("name", None, "name is missing in a row"),
        ("width", None, "width is missing in a row"),
        ("role", "left", "role is 'left'"),
    ],
)
def test_invalid_rows(column: str, value: object, message: str, tmp_path: Path) -> None:
    table = pq.read_table(io.BytesIO(write_catalog([WIDE])))
    place = table.column_names.index(column)
    values = pa.array([value], table.schema.field(column).type)
    pq.write_table(table.set_column(place, column, values), tmp_path / "captures.parquet")
    with pytest.raises(InvalidInput, match=f"not a readable catalogue: {message}"):
        read_catalog(tmp_path / "captures.parquet")


@pytest.mark.parametrize(
    ("text", "rows", "message"),
    [
        ("x" * 3_000_000, 2, "a dictionary of more than 2 MB"),
        ("x" * 100_000, 2000, "its texts are far larger than the file"),
        ("x", 2_000_000, "it unpacks to far more than its size"),
    ],
)
def test_small_files_of_large_catalogues(text: str, rows: int, message: str, tmp_path: Path) -> None:
    """Equal rows take almost no space in the file."""
    table = pq.read_table(io.BytesIO(write_catalog([WIDE])))
    table = table.set_column(table.column_names.index("detail"), "detail", pa.array([text]))
    columns = [column.combine_chunks() for column in table.columns]
    repeated = [column.take(pa.array(np.zeros(rows, np.int64))) for column in columns]
    pq.write_table(pa.table(repeated, schema=table.schema), tmp_path / "captures.parquet", compression="zstd")
    with pytest.raises(InvalidInput, match=message):
        read_catalog(tmp_path / "captures.parquet")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "captures.parquet")
    with pytest.raises(InvalidInput, match="not a readable catalogue: .*not a regular file"):
        read_catalog(tmp_path / "captures.parquet")
