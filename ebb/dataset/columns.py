"""Columns of a shard: type, storage, check and description of each kind of value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    NamedTuple,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from ebb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Kind of the values of a column."""

    expected: str
    """Description for messages."""
    is_valid: Callable[[object], bool]
    feature: str
    """Hugging Face type of the value, or of its elements; ``image``: a PNG."""
    length: int = 0
    """Length of a list; 0: not a list."""

    def hf_feature(self) -> dict[str, Any]:
        """Feature of Hugging Face for this kind."""
        if self.feature == "image":
            return {"_type": "Image"}
        value = {"dtype": self.feature, "_type": "Value"}
        return {"feature": value, "_type": "Sequence"} if self.length else value

    def yaml(self) -> str:
        """Type in the ``dataset_info`` of a dataset card."""
        return f"sequence: {self.feature}" if self.length else f"dtype: {self.feature}"

    def arrow(self) -> pa.DataType:
        """Type in Arrow.

        Lists have no fixed length: before version 26, pyarrow cannot read those with null values.
        """
        import pyarrow as pa

        types = {
            "string": pa.string(),
            "int32": pa.int32(),
            "float64": pa.float64(),
            "timestamp[us]": pa.timestamp("us"),
            "binary": pa.binary(),
            "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        }
        return pa.list_(types[self.feature]) if self.length else types[self.feature]


def _is_float(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _is_text(value: object) -> bool:
    """Text without lone surrogates, which UTF-8 cannot encode; undecodable file names contain them."""
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def _is_list(value: object, length: int) -> bool:
    return isinstance(value, tuple) and len(value) == length


TEXT = Kind(expected="text", is_valid=_is_text, feature="string")
COUNT = Kind(
    expected="a whole number of at least 0",
    is_valid=lambda value: type(value) is int and 0 <= value < 2**31,
    feature="int32",
)
NUMBER = Kind(expected="a finite float", is_valid=_is_float, feature="float64")
TIME = Kind(
    expected="a time without a zone",
    is_valid=lambda value: isinstance(value, datetime) and value.tzinfo is None,
    feature="timestamp[us]",
)
IMAGE = Kind(expected="bytes", is_valid=lambda value: isinstance(value, bytes), feature="image")
ARRAY = Kind(expected="bytes", is_valid=lambda value: isinstance(value, bytes), feature="binary")
MATRIX = Kind(
    expected="9 finite floats",
    is_valid=lambda value: _is_list(value, 9) and all(map(_is_float, value)),  # type: ignore[call-overload]
    feature="float64",
    length=9,
)
GRID = Kind(
    expected="16 finite floats or None",
    is_valid=lambda value: (
        _is_list(value, 16) and all(x is None or _is_float(x) for x in value)  # type: ignore[attr-defined]
    ),
    feature="float64",
    length=16,
)

_BY_TYPE: dict[object, Kind] = {str: TEXT, int: COUNT, float: NUMBER, datetime: TIME}
"""Kinds of types without an annotation."""

Png: TypeAlias = Annotated[bytes, IMAGE]
"""A PNG file."""

Npy: TypeAlias = Annotated[bytes, ARRAY]
"""An NPY file of a float16 array; see :mod:`ebb.formats.npy`."""

Matrix: TypeAlias = Annotated[tuple[float, ...], MATRIX]
"""A 3 x 3 matrix, row by row."""

Grid: TypeAlias = Annotated[tuple[float | None, ...], GRID]
"""16 numbers for 4 x 4 parts of the frame, row by row; ``None`` for unknown values."""


class Column(NamedTuple):
    """One column of the schema."""

    name: str
    kind: Kind
    nullable: bool = True

    def check(self, value: object) -> None:
        """Check a value of the column.

        Raises:
            InvalidInput: it is of another kind; the message names the column.
        """
        if not (value is None and self.nullable) and not self.kind.is_valid(value):
            raise InvalidInput(f"{self.name}: expected {self.kind.expected}, got {short(value)}")


def columns_of(record: type) -> Iterator[Column]:
    """Yield the columns of a dataclass: of each field whose type has a kind, in order."""
    for name, hint in get_type_hints(record, include_extras=True).items():
        options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        kinds = [kind for option in options if (kind := _kind_of(option))]
        if kinds:
            yield Column(name, kinds[0], nullable=NoneType in options)


def _kind_of(hint: object) -> Kind | None:
    marks = [mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, Kind)]
    return marks[0] if marks else _BY_TYPE.get(hint)


def short(value: object) -> str:
    """Return a value as text, shortened for a message."""
    text = repr(value[:40] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= 80 else f"{text[:77]}..."
