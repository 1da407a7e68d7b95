"""Sizes of the pages of a Parquet file from their headers, before any page is decompressed.

The footer states the size of a column, but readers allocate the size in the header of each page, and with a
dictionary or a run of equal values, a few bytes can represent any number of values. Footer and headers are
structures of Thrift's compact protocol (Parquet format, ``parquet.thrift``; Thrift, "Compact protocol
encoding"). They are parsed here because pyarrow ends the process if damaged metadata of a column are
accessed.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from ebb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

MAGIC = b"PAR1"
"""First and last bytes of a file."""

_MAX_HEADER_BYTES = 1 << 16
_MAX_FOOTER_BYTES = 1 << 27
_MAX_DEPTH = 8
"""Largest depth of nested structures and lists; a footer has five."""

_BOOLEANS, _BYTE, _INTEGERS, _BINARY, _LISTS, _STRUCTURE = (1, 2), 3, (4, 5, 6), 8, (9, 10), 12
"""Types of Thrift's compact protocol."""

_WIDTHS = {1: 0, 2: 0, _BYTE: 1, 7: 8}
"""Sizes in bytes of types that are always skipped; the value of a boolean field is its type, 7 is a float."""

_READ = frozenset({*_INTEGERS, _BINARY, *_LISTS, _STRUCTURE})

_DATA, _INDEX, _DICTIONARY, _DATA_V2 = range(4)
_PLAIN, _PLAIN_DICTIONARY, _RLE_DICTIONARY = 0, 2, 8
_ENCODINGS = frozenset({_PLAIN, _PLAIN_DICTIONARY, _RLE_DICTIONARY})
"""Encodings for which the page header bounds the size of the values."""

ThriftValue: TypeAlias = "int | bytes | ThriftFields | list[ThriftValue]"
ThriftFields: TypeAlias = "dict[int, ThriftValue]"
"""A Thrift structure: field number → value."""

Wanted: TypeAlias = "Mapping[int, Wanted]"
"""Numbers of the fields that are read, each with those of its nested structures; others are skipped."""

_FOOTER: Wanted = {4: {1: {3: {3: {}, 5: {}, 7: {}, 9: {}, 11: {}}}}}
"""row_groups / columns / meta_data: path_in_schema, num_values, total_compressed_size and two offsets."""

_PAGE: Wanted = {1: {}, 2: {}, 3: {}, 5: {1: {}, 2: {}}, 8: {1: {}, 4: {}}}
"""Type, two sizes, and number of values and encoding from the headers of both kinds of data pages."""


class Chunk(NamedTuple):
    """Column of a row group, as described in the footer."""

    name: str
    """Path in the schema, parts joined by dots."""
    num_values: int
    start: int
    """Offset of the first page."""
    num_bytes: int
    """Size of all pages in the file."""


class Footer(NamedTuple):
    """The column chunks of a file."""

    names: tuple[str, ...]
    """Names of the columns, as in :class:`Chunk`."""
    numbers: NDArray[np.int64]
    """(row groups, columns, 3): the numeric fields of :class:`Chunk`."""

    def chunks(self, groups: Iterable[int], columns: Collection[str] | None = None) -> Iterator[Chunk]:
        """Chunks of row groups, of all columns or of those named, as in the Arrow schema."""
        for group in groups:
            for name, numbers in zip(self.names, self.numbers[group], strict=True):
                if columns is None or name.partition(".")[0] in columns:
                    yield Chunk(name, *numbers.tolist())


class Pages(NamedTuple):
    """Sums over the page headers of one or more column chunks."""

    num_values: int = 0
    """Number of values, including nulls."""
    stored_bytes: int = 0
    """Size in the file."""
    data_bytes: int = 0
    """Size of data pages, decompressed."""
    dictionary_bytes: int = 0
    """Size of dictionary pages, decompressed."""
    expanded_bytes: int = 0
    """Upper bound of the size of all values after dictionaries are resolved."""


def read_footer(file: IO[bytes]) -> Footer:
    """Read the footer of a file.

    Raises:
        InvalidInput: it is damaged.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    ending = file.read(8)
    length = int.from_bytes(ending[:4], "little")
    if ending[4:] != MAGIC or not 0 < length <= min(size - 8, _MAX_FOOTER_BYTES):
        raise InvalidInput("the end is not that of a Parquet file")
    file.seek(size - 8 - length)
    try:
        groups = _list_of(CompactReader(file.read(length)).structure(_FOOTER), 4)
        chunks = [[_chunk(_structure(chunk, 3)) for chunk in _list_of(group, 1)] for group in groups]
        names = tuple(chunk.name for chunk in chunks[0]) if chunks else ()
        if any(tuple(chunk.name for chunk in group) != names for group in chunks):
            raise InvalidInput("its row groups have different columns")
        numbers = np.array([[chunk[1:] for chunk in group] for group in chunks], np.int64)
        return Footer(names, numbers.reshape(len(chunks), len(names), 3))
    except (IndexError, ValueError, TypeError, OverflowError) as error:
        raise InvalidInput(f"its footer is damaged: {error}") from error


def read_pages(file: IO[bytes], chunk: Chunk) -> Pages:
    """Sum the page headers of a column chunk, without reading its values.

    Args:
        file: The Parquet file.
        chunk: The column chunk.

    Raises:
        InvalidInput: a header is damaged, or the headers do not bound the size of a page in its encoding.
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
    """Sum over several column chunks."""
    return Pages(*map(sum, zip(Pages(), *pages, strict=True)))


def _chunk(metadata: ThriftFields) -> Chunk:
    """Metadata of a column chunk (``ColumnMetaData``)."""
    parts = [part for part in _list_of(metadata, 3) if isinstance(part, bytes)]
    num_values, num_bytes, start = (_number(metadata, field) for field in (5, 7, 9))
    dictionary = metadata.get(11)
    if isinstance(dictionary, int) and 0 < dictionary < start:
        start = dictionary
    return Chunk(b".".join(parts).decode(errors="replace"), num_values, start, num_bytes)


def _list_of(fields: ThriftValue, field: int) -> list[ThriftValue]:
    found = fields.get(field) if isinstance(fields, dict) else None
    if not isinstance(found, list):
        raise TypeError(f"field {field} is not a list")
    return found


def _structure(fields: ThriftValue, field: int) -> ThriftFields:
    found = fields.get(field) if isinstance(fields, dict) else None
    if not isinstance(found, dict):
        raise TypeError(f"field {field} is not a structure")
    return found


def _values_of(header: ThriftFields, kind: int, column: str) -> tuple[int, int]:
    """Number of values and encoding of a data page."""
    inner = header.get(5 if kind == _DATA else 8)
    if not isinstance(inner, dict):
        raise InvalidInput(f"{column}: a page without the header of its kind")
    encoding = _number(inner, 2 if kind == _DATA else 4)
    if encoding not in _ENCODINGS:
        raise InvalidInput(f"{column}: a page of encoding {encoding}; expected plain or dictionary")
    return _number(inner, 1), encoding


def _number(fields: ThriftFields, field: int) -> int:
    """A required number that is not negative."""
    value = fields.get(field)
    if not isinstance(value, int) or value < 0:
        raise InvalidInput(f"field {field} of its metadata holds {value!r}")
    return value


def _page_header(file: IO[bytes], position: int, column: str) -> tuple[ThriftFields, int]:
    """The header at a position, and its length in bytes."""
    for num_bytes in (256, _MAX_HEADER_BYTES):
        file.seek(position)
        reader = CompactReader(file.read(num_bytes))
        try:
            return reader.structure(_PAGE), reader.position
        except (IndexError, ValueError) as error:
            last = error
    raise InvalidInput(f"{column}: the page header at byte {position} is damaged") from last


class CompactReader:
    """Reads structures of Thrift's compact protocol.

    Raises:
        IndexError: a structure extends beyond the end.
        ValueError: the bytes are not of this protocol.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def structure(self, wanted: Wanted, depth: int = 0) -> ThriftFields:
        """Read some fields of a structure; floats and booleans are skipped."""
        if depth > _MAX_DEPTH:
            raise ValueError("too many structures inside structures")
        fields: ThriftFields = {}
        field = 0
        while header := self._byte():
            step, kind = header >> 4, header & 15
            field = field + step if step else self._integer()
            if field in wanted and kind in _READ:
                fields[field] = self._value(kind, wanted[field], depth)
            else:
                self._skip(kind, depth)
        return fields

    def _value(self, kind: int, wanted: Wanted, depth: int) -> ThriftValue:
        if kind in _INTEGERS:
            return self._integer()
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind == _STRUCTURE:
            return self.structure(wanted, depth + 1)
        length, kind = self._list_header(depth)
        if kind not in _READ:
            raise ValueError(f"a list of type {kind}")
        return [self._value(kind, wanted, depth + 1) for _ in range(length)]

    def _skip(self, kind: int, depth: int) -> None:
        if kind in _INTEGERS:
            self._varint()
        elif kind == _BINARY:
            self._bytes(self._varint())
        elif kind == _STRUCTURE:
            self.structure({}, depth + 1)
        elif kind in _LISTS:
            length, element = self._list_header(depth)
            for _ in range(length):
                self._skip(_BYTE if element in _BOOLEANS else element, depth + 1)
        elif kind in _WIDTHS:
            self._bytes(_WIDTHS[kind])
        else:
            raise ValueError(f"a field of type {kind}")

    def _list_header(self, depth: int) -> tuple[int, int]:
        """Number and type of the elements of a list."""
        header = self._byte()
        length, kind = header >> 4, header & 15
        length = self._varint() if length == 15 else length
        if depth > _MAX_DEPTH or length > len(self._data) - self.position:
            raise ValueError(f"a list of {length} elements")
        return length, kind

    def _byte(self) -> int:
        self.position += 1
        return self._data[self.position - 1]

    def _varint(self) -> int:
        data, position = self._data, self.position
        value = data[position] & 127
        shift = 7
        while data[position] >= 128:
            position += 1
            value |= (data[position] & 127) << shift
            shift += 7
            if shift > 70:
                raise ValueError("a number of more than 64 bits")
        self.position = position + 1
        return value

    def _integer(self) -> int:
        """A signed number (zigzag)."""
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _bytes(self, num_bytes: int) -> bytes:
        self.position += num_bytes
        if self.position > len(self._data):
            raise IndexError("beyond the end")
        return self._data[self.position - num_bytes : self.position]
