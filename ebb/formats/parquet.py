"""Sizes of the pages of a Parquet file from their headers, before any page is unpacked.

The footer states the size of a column, but readers allocate the size in the header before each page, and with
a dictionary or a run of equal values a few bytes stand for any number of values. Footer and headers are
structures of Thrift's compact protocol (Parquet format, ``parquet.thrift``; Thrift, "Compact protocol
encoding"). They are parsed here: pyarrow ends the process when damaged metadata of a column are accessed.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, NamedTuple, TypeAlias

from ebb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

MAGIC = b"PAR1"
"""First and last bytes of a file."""

_MAX_HEADER_BYTES = 1 << 16
_MAX_FOOTER_BYTES = 1 << 27
_MAX_DEPTH = 8
"""Structures and lists inside each other; a footer has five."""

_DATA, _INDEX, _DICTIONARY, _DATA_V2 = range(4)
_PLAIN, _PLAIN_DICTIONARY, _RLE_DICTIONARY = 0, 2, 8
_ENCODINGS = frozenset({_PLAIN, _PLAIN_DICTIONARY, _RLE_DICTIONARY})
"""Those whose values take at least the bytes of a page, or of a dictionary entry each."""

Value: TypeAlias = "int | bytes | Fields | list[Value]"
Fields: TypeAlias = "dict[int, Value]"
"""A Thrift structure: field number → value; floats are left out."""


class Chunk(NamedTuple):
    """A column of a row group, as the footer describes it."""

    group: int
    name: str
    """Path in the schema, parts joined by dots."""
    num_values: int
    start: int
    """Where its first page begins."""
    num_bytes: int
    """Of all its pages, as they are in the file."""

    @property
    def column(self) -> str:
        """Name in the Arrow schema."""
        return self.name.partition(".")[0]


class Pages(NamedTuple):
    """Sums over the page headers of one or more column chunks."""

    num_values: int = 0
    """Nulls included."""
    stored_bytes: int = 0
    """As they are in the file."""
    data_bytes: int = 0
    """Of data pages, unpacked."""
    dictionary_bytes: int = 0
    """Of dictionary pages, unpacked."""
    expanded_bytes: int = 0
    """An upper bound of the size of all values once dictionaries are resolved."""


def read_chunks(file: IO[bytes]) -> list[Chunk]:
    """Read the footer of a file: every column of every row group.

    Raises:
        InvalidInput: it is damaged.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    ending = file.read(8)
    length = int.from_bytes(ending[:4], "little")
    if ending[4:] != MAGIC or not 0 < length <= min(size - 8, _MAX_FOOTER_BYTES):
        raise InvalidInput("it does not end as a Parquet file does")
    file.seek(size - 8 - length)
    try:
        groups = _list_of(CompactReader(file.read(length)).structure(), 4)
        return [
            _chunk(number, _structure(chunk, 3))
            for number, group in enumerate(groups)
            for chunk in _list_of(group, 1)
        ]
    except (IndexError, ValueError, TypeError) as error:
        raise InvalidInput(f"its footer is damaged: {error}") from error


def read_pages(file: IO[bytes], chunk: Chunk) -> Pages:
    """Add up the page headers of a column chunk; its values are not read.

    Args:
        file: The Parquet file.
        chunk: Which pages.

    Raises:
        InvalidInput: a header is damaged, or a page has an encoding whose size headers do not bound.
    """
    start, stop = chunk.start, chunk.start + chunk.num_bytes
    num_values = data_bytes = dictionary_bytes = num_indices = 0
    position = start
    while position < stop:
        header, length = _page_header(file, position, chunk.name)
        kind, unpacked, stored = (_number(header, field) for field in (1, 2, 3))
        position += length + stored
        if kind == _DICTIONARY:
            dictionary_bytes += unpacked
        elif kind in (_DATA, _DATA_V2):
            count, encoding = _values_of(header, kind, chunk.name)
            num_values += count
            num_indices += count if encoding != _PLAIN else 0
            data_bytes += unpacked
        elif kind != _INDEX:
            raise InvalidInput(f"{chunk.name}: a page of unknown kind {kind}")
    if position != stop:
        raise InvalidInput(f"{chunk.name}: pages end at byte {position}, not {stop}")
    expanded = data_bytes + dictionary_bytes * max(1, num_indices)
    return Pages(num_values, stop - start, data_bytes, dictionary_bytes, expanded)


def total(pages: Iterable[Pages]) -> Pages:
    """The sum over several column chunks."""
    return Pages(*map(sum, zip(Pages(), *pages, strict=True)))


def _chunk(group: int, metadata: Fields) -> Chunk:
    """Metadata of a column chunk (``ColumnMetaData``)."""
    parts = metadata.get(3)
    if not isinstance(parts, list) or not all(isinstance(part, bytes) for part in parts):
        raise TypeError("a column without a name")
    name = b".".join(part for part in parts if isinstance(part, bytes)).decode(errors="replace")
    num_values, num_bytes, start = (_number(metadata, field) for field in (5, 7, 9))
    dictionary = metadata.get(11)
    if isinstance(dictionary, int) and 0 < dictionary < start:
        start = dictionary
    return Chunk(group, name, num_values, start, num_bytes)


def _list_of(fields: Value, field: int) -> list[Value]:
    found = fields.get(field) if isinstance(fields, dict) else None
    if not isinstance(found, list):
        raise TypeError(f"field {field} is no list")
    return found


def _structure(fields: Value, field: int) -> Fields:
    found = fields.get(field) if isinstance(fields, dict) else None
    if not isinstance(found, dict):
        raise TypeError(f"field {field} is no structure")
    return found


def _values_of(header: Fields, kind: int, column: str) -> tuple[int, int]:
    """Number of values of a data page, and their encoding."""
    inner = header.get(5 if kind == _DATA else 8)
    if not isinstance(inner, dict):
        raise InvalidInput(f"{column}: a page without the header of its kind")
    encoding = _number(inner, 2 if kind == _DATA else 4)
    if encoding not in _ENCODINGS:
        raise InvalidInput(f"{column}: a page of encoding {encoding}; expected plain or dictionary")
    return _number(inner, 1), encoding


def _number(fields: Fields, field: int) -> int:
    """A number that may not be missing or negative."""
    value = fields.get(field)
    if not isinstance(value, int) or value < 0:
        raise InvalidInput(f"field {field} of its metadata holds {value!r}")
    return value


def _page_header(file: IO[bytes], position: int, column: str) -> tuple[Fields, int]:
    """The header at a position, and its length in bytes."""
    for num_bytes in (256, _MAX_HEADER_BYTES):
        file.seek(position)
        reader = CompactReader(file.read(num_bytes))
        try:
            return reader.structure(), reader.position
        except (IndexError, ValueError) as error:
            last = error
    raise InvalidInput(f"{column}: the page header at byte {position} is damaged") from last


class CompactReader:
    """Reads structures of Thrift's compact protocol.

    Raises:
        IndexError: they go on beyond the end.
        ValueError: they are not of this protocol.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def structure(self, depth: int = 0) -> Fields:
        """Read one structure."""
        if depth > _MAX_DEPTH:
            raise ValueError("too many structures inside structures")
        fields: Fields = {}
        field = 0
        while header := self._byte():
            step, kind = header >> 4, header & 15
            field = field + step if step else self._integer()
            value = self._value(kind, depth)
            if value is not None:
                fields[field] = value
        return fields

    def _value(self, kind: int, depth: int) -> Value | None:
        if kind in (1, 2):
            return int(kind == 1)
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 8:
            return self._bytes(self._varint())
        if kind in (9, 10):
            return self._list(depth + 1)
        if kind == 12:
            return self.structure(depth + 1)
        if kind == 7:
            self._bytes(8)
            return None
        raise ValueError(f"fields of type {kind}")

    def _list(self, depth: int) -> list[Value]:
        header = self._byte()
        length, kind = header >> 4, header & 15
        length = self._varint() if length == 15 else length
        if depth > _MAX_DEPTH or length > len(self._data) - self.position:
            raise ValueError(f"a list of {length} elements")
        if kind in (1, 2):  # elements of a list of booleans are bytes
            return [self._byte() for _ in range(length)]
        values = (self._value(kind, depth) for _ in range(length))
        return [value for value in values if value is not None]

    def _byte(self) -> int:
        self.position += 1
        return self._data[self.position - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise ValueError("a number of more than 64 bits")

    def _integer(self) -> int:
        """A signed number (zigzag)."""
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _bytes(self, num_bytes: int) -> bytes:
        self.position += num_bytes
        if self.position > len(self._data):
            raise IndexError("beyond the end")
        return self._data[self.position - num_bytes : self.position]
