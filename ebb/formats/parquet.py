"""Sizes of the pages of a Parquet file from their headers, before any page is unpacked.

The footer states the size of a column, but readers allocate the size in the header before each page, and with
a dictionary or a run of equal values a few bytes stand for any number of values. Headers are structures of
Thrift's compact protocol (Parquet format, "Data Pages"; Thrift, "Compact protocol encoding").
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, NamedTuple, TypeAlias

from ebb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow.parquet as pq

_MAX_HEADER_BYTES = 1 << 16
_MAX_DEPTH = 8
"""Structures inside structures; a page header has two."""

_DATA, _INDEX, _DICTIONARY, _DATA_V2 = range(4)
_PLAIN, _PLAIN_DICTIONARY, _RLE_DICTIONARY = 0, 2, 8
_ENCODINGS = frozenset({_PLAIN, _PLAIN_DICTIONARY, _RLE_DICTIONARY})
"""Those whose values take at least the bytes of a page, or of a dictionary entry each."""

Fields: TypeAlias = "dict[int, int | Fields]"
"""Numbers and structures of a Thrift structure by field number; fields of other types are left out."""


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


def read_pages(file: IO[bytes], chunk: pq.ColumnChunkMetaData) -> Pages:
    """Add up the page headers of a column chunk; its values are not read.

    Args:
        file: The Parquet file.
        chunk: Metadata of the chunk.

    Raises:
        InvalidInput: a header is damaged, or a page has an encoding whose size headers do not bound.
    """
    start = chunk.data_page_offset
    if chunk.dictionary_page_offset is not None and 0 < chunk.dictionary_page_offset < start:
        start = chunk.dictionary_page_offset
    stop = start + chunk.total_compressed_size
    num_values = data_bytes = dictionary_bytes = num_indices = 0
    position = start
    while position < stop:
        header, length = _page_header(file, position, chunk.path_in_schema)
        kind, unpacked, stored = (_number(header, field) for field in (1, 2, 3))
        position += length + stored
        if kind == _DICTIONARY:
            dictionary_bytes += unpacked
        elif kind in (_DATA, _DATA_V2):
            count, encoding = _values_of(header, kind, chunk.path_in_schema)
            num_values += count
            num_indices += count if encoding != _PLAIN else 0
            data_bytes += unpacked
        elif kind != _INDEX:
            raise InvalidInput(f"{chunk.path_in_schema}: a page of unknown kind {kind}")
    if position != stop:
        raise InvalidInput(f"{chunk.path_in_schema}: pages end at byte {position}, not {stop}")
    expanded = data_bytes + dictionary_bytes * max(1, num_indices)
    return Pages(num_values, stop - start, data_bytes, dictionary_bytes, expanded)


def total(pages: Iterable[Pages]) -> Pages:
    """The sum over several column chunks."""
    return Pages(*map(sum, zip(Pages(), *pages, strict=True)))


def column_chunks(
    metadata: pq.FileMetaData, groups: Iterable[int], columns: Iterable[str] | None = None
) -> list[pq.ColumnChunkMetaData]:
    """Chunks of some columns, or of all, in some row groups; columns are named as in the Arrow schema."""
    wanted = None if columns is None else set(columns)
    return [
        chunk
        for group in map(metadata.row_group, groups)
        for chunk in map(group.column, range(group.num_columns))
        if wanted is None or chunk.path_in_schema.partition(".")[0] in wanted
    ]


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
        raise InvalidInput(f"a page header holds {value!r} in field {field}")
    return value


def _page_header(file: IO[bytes], position: int, column: str) -> tuple[Fields, int]:
    """The header at a position, and its length in bytes."""
    for num_bytes in (256, _MAX_HEADER_BYTES):
        file.seek(position)
        reader = _CompactReader(file.read(num_bytes))
        try:
            return reader.structure(), reader.position
        except (IndexError, ValueError) as error:
            last = error
    raise InvalidInput(f"{column}: the page header at byte {position} is damaged") from last


class _CompactReader:
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

    def _value(self, kind: int, depth: int) -> int | Fields | None:
        if kind in (1, 2):
            return int(kind == 1)
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 12:
            return self.structure(depth + 1)
        if kind == 7:
            self._skip(8)
        elif kind == 8:
            self._skip(self._varint())
        else:
            raise ValueError(f"page headers have no fields of type {kind}")
        return None

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

    def _skip(self, num_bytes: int) -> None:
        self.position += num_bytes
        if self.position > len(self._data):
            raise IndexError("beyond the end")
