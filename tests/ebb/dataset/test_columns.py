"""Columns from the types of a dataclass, and what each kind may hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from ebb.dataset import columns
from ebb.dataset.columns import Column, Grid, Matrix, Npy, Png, columns_of
from ebb.errors import InvalidInput


@dataclass
class Row:
    name: str
    count: int
    share: float | None
    when: datetime | None
    photo: Png
    depth: Npy | None
    H: Matrix | None
    blur: Grid
    rest: Mapping[str, float]


def test_types_belong_to_the_columns() -> None:
    assert list(columns_of(Row)) == [
        Column("name", columns.TEXT, nullable=False),
        Column("count", columns.COUNT, nullable=False),
        Column("share", columns.NUMBER),
        Column("when", columns.TIME),
        Column("photo", columns.IMAGE, nullable=False),
        Column("depth", columns.ARRAY),
        Column("H", columns.MATRIX),
        Column("blur", columns.GRID, nullable=False),
    ]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (columns.TEXT, "photo", "\udcff"),
        (columns.COUNT, 0, True),
        (columns.COUNT, 2**31 - 1, 2**31),
        (columns.NUMBER, -1.5, float("inf")),
        (columns.NUMBER, 0.0, 0),
        (columns.TIME, datetime(2019, 6, 2), datetime(2019, 6, 2, tzinfo=UTC)),
        (columns.IMAGE, b"", "text"),
        (columns.ARRAY, b"", None),
        (columns.MATRIX, (1.0,) * 9, [1.0] * 9),
        (columns.MATRIX, (1.0,) * 9, (1.0,) * 8 + (None,)),
        (columns.GRID, (1.0, None) * 8, (1.0,) * 15),
        (columns.GRID, (None,) * 16, (float("nan"),) * 16),
    ],
)
def test_valid_values_of_each_kind(kind: columns.Kind, good: object, bad: object) -> None:
    Column("x", kind).check(good)
    with pytest.raises(InvalidInput, match=f"^x: expected {kind.expected}, got "):
        Column("x", kind, nullable=False).check(bad)


def test_none_is_allowed_for_nullable_columns_only() -> None:
    Column("x", columns.NUMBER).check(None)
    with pytest.raises(InvalidInput, match="x: expected text, got None"):
        Column("x", columns.TEXT, nullable=False).check(None)


def test_long_values_are_cut() -> None:
    assert len(columns.short("x" * 1000)) < 80
    assert columns.short(3) == "3"
