"""Directories of a TIFF-like file (TIFF, DNG, NEF, CR2, ARW, ORF, RW2), read defensively.

Only requested tags are read, every offset is checked against the length of the file, and no directory is
visited twice, so that a malicious file takes no more time or memory than a valid one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.arrays import Size
from ebb.errors import Broken, Reason

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

MAX_DIRECTORIES = 256
"""Largest number of directories; cameras write about ten, so longer chains are malicious or damaged."""

MAX_TAGS = 1024
"""Largest number of tags per directory; those of cameras have up to about a hundred."""

MAX_VALUES = 1 << 22
"""Largest number of integers of one tag that is read: offsets of 4 million strips or tiles."""

_CLASSIC_VERSIONS = {42, 0x55, 0x4F52, 0x5352}  # TIFF, RW2 'IIU\0', ORF 'IIRO' and 'IIRS' (or 'MMOR')
_BIG_VERSION = 43
_INTEGER_TYPES = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_NEXT_LEVEL = 330  # SubIFDs
_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_REDUCED, _MASK = 1, 4
_UNCOMPRESSED, _YCBCR = 1, 6


class TagLocation(NamedTuple):
    """Location and number of the values of a tag."""

    kind: int
    """TIFF field type."""
    num_values: int
    offset: int
    """Offset of the entry's value field in the file."""


Directory = dict[int, TagLocation]


class Tiff:
    """A TIFF-like file in memory.

    Args:
        data: The whole file.

    Raises:
        Broken: ``unreadable`` if there is no TIFF header, ``corrupt_input`` if the header is truncated.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.order = "<" if data[:2] == b"II" else ">"
        """Byte order in the notation of NumPy and struct."""
        version = self._integer("u2", 2)
        if data[:2] not in (b"II", b"MM") or version not in _CLASSIC_VERSIONS | {_BIG_VERSION}:
            raise Broken(Reason.UNREADABLE, f"has no TIFF header (starts with {data[:4].hex(' ')})")
        self._big = version == _BIG_VERSION
        self._word = "u8" if self._big else "u4"
        self.first = self._integer(self._word, 8 if self._big else 4)
        """Offset of the first directory."""

    def directories(self) -> list[Directory]:
        """Every image directory: the main chain and the SubIFDs below it, in file order.

        Raises:
            Broken: ``corrupt_input`` if one lies beyond the end of the file, or there are too many.
        """
        found: list[Directory] = []
        seen: set[int] = set()
        waiting = [self.first]
        while waiting:
            offset = waiting.pop(0)
            if offset == 0 or offset in seen:
                continue
            if len(seen) == MAX_DIRECTORIES:
                raise Broken(Reason.CORRUPT_INPUT, f"has more than {MAX_DIRECTORIES} TIFF directories")
            seen.add(offset)
            directory, following = self._directory(offset)
            found.append(directory)
            if _NEXT_LEVEL in directory:
                waiting += self.values(directory, _NEXT_LEVEL, MAX_DIRECTORIES).tolist()
            waiting.append(following)
        return found

    def values(self, directory: Directory, tag: int, most: int | None = None) -> NDArray[np.uint64]:
        """All or the first values of an integer tag, (N,); empty if it is missing or has another type.

        Raises:
            Broken: ``corrupt_input`` if they lie outside the file, or are more than :data:`MAX_VALUES`.
        """
        entry = directory.get(tag)
        if entry is None or entry.kind not in _INTEGER_TYPES:
            return np.empty(0, np.uint64)
        kind = _INTEGER_TYPES[entry.kind]
        content = self.content(entry, int(kind[1]), most or MAX_VALUES)
        if most is None and entry.num_values > MAX_VALUES:
            raise Broken(Reason.CORRUPT_INPUT, f"claims {entry.num_values} values of the TIFF tag {tag}")
        return np.frombuffer(content, f"{self.order}{kind}").astype(np.uint64)

    def value(self, directory: Directory, tag: int, default: int) -> int:
        """First value of an integer tag."""
        values = self.values(directory, tag, 1)
        return int(values[0]) if len(values) else default

    def with_only(self, directory: Directory, tags: Collection[int]) -> bytes:
        """Copy of the file with a single directory, of those of the given tags that ``directory`` has."""
        counter, entry_bytes = ("u8", 20) if self._big else ("u2", 12)
        ends = [directory[tag].offset + int(self._word[1]) for tag in sorted(set(tags) & directory.keys())]
        entries = b"".join(self._data[end - entry_bytes : end] for end in ends)
        header = 8 if self._big else 4
        start = len(self._data) + len(self._data) % 2
        beginning = self._data[:header] + self._packed(self._word, start)
        count = self._packed(counter, len(ends))
        padding, following = bytes(start - len(self._data)), bytes(int(self._word[1]))
        rest = memoryview(self._data)[len(beginning) :]
        return b"".join([beginning, rest, padding, count, entries, following])

    def size(self, directory: Directory) -> Size:
        """Width and height that a directory claims; 0 if it has no image."""
        return Size(self.value(directory, 256, 0), self.value(directory, 257, 0))

    def check_blocks(self, directory: Directory) -> None:
        """Check that every strip, tile and embedded JPEG of a directory lies within the file.

        Raises:
            Broken: ``corrupt_input``, with the first missing byte range.
        """
        num_bytes = len(self._data)
        for offsets_tag, lengths_tag in ((273, 279), (324, 325), (513, 514)):
            offsets, lengths = self.values(directory, offsets_tag), self.values(directory, lengths_tag)
            common = min(len(offsets), len(lengths))
            offsets, lengths = offsets[:common], lengths[:common]
            beyond = (offsets > num_bytes) | (lengths > num_bytes) | (offsets + lengths > num_bytes)
            if beyond.any():
                first = int(beyond.argmax())
                _require(self._data, int(offsets[first]), int(lengths[first]))

    def check_uncompressed(self, directory: Directory) -> None:
        """Check that uncompressed pixels have as many bytes as the claimed size and depth require.

        Raises:
            Broken: ``corrupt_input`` if the strips or tiles contain fewer.
        """
        subsampled = self.value(directory, 262, 0) == _YCBCR
        if self.value(directory, 259, _UNCOMPRESSED) != _UNCOMPRESSED or subsampled:
            return
        size = self.size(directory)
        bits = self.value(directory, 258, 1) * self.value(directory, 277, 1)
        stored = int(self.values(directory, 279).sum() + self.values(directory, 325).sum())
        needed = size.width * size.height * bits // 8
        if stored < needed:
            message = f"stores {stored} bytes for {size.width} x {size.height} pixels that need {needed}"
            raise Broken(Reason.CORRUPT_INPUT, message)

    def _directory(self, offset: int) -> tuple[Directory, int]:
        """Tags of a directory, and the offset of the next directory."""
        counter, entry_bytes = ("u8", 20) if self._big else ("u2", 12)
        num_entries = self._integer(counter, offset)
        if num_entries > MAX_TAGS:
            raise Broken(Reason.CORRUPT_INPUT, f"has a TIFF directory of {num_entries} tags")
        start = offset + int(counter[1])
        stop = start + num_entries * entry_bytes
        _require(self._data, start, stop - start)
        return self._entries(start, stop), self._integer(self._word, stop)

    def readable_directory(self, offset: int) -> Directory:
        """Tags of a directory that lie within the file; none if the directory does not."""
        counter, entry_bytes = ("u8", 20) if self._big else ("u2", 12)
        start = offset + int(counter[1])
        if offset == 0 or start > len(self._data):
            return {}
        room = (len(self._data) - start) // entry_bytes
        num_entries = min(self._integer(counter, offset), MAX_TAGS, room)
        return self._entries(start, start + num_entries * entry_bytes)

    def content(self, entry: TagLocation, width: int, most: int | None = None) -> bytes:
        """Bytes of the values of a tag, or of the first of them, each ``width`` bytes wide.

        Raises:
            Broken: ``corrupt_input`` when they lie outside the file.
        """
        length = width * entry.num_values
        inline = length <= int(self._word[1])
        offset = entry.offset if inline else self._integer(self._word, entry.offset)
        _require(self._data, offset, length)
        return self._data[offset : offset + (length if most is None else min(length, width * most))]

    def part(self, offset: int, length: int, most: int | None = None) -> bytes:
        """Some bytes of the file, or the first of them.

        Raises:
            Broken: ``corrupt_input`` when they lie outside the file.
        """
        _require(self._data, offset, length)
        return self._data[offset : offset + (length if most is None else min(length, most))]

    def _entries(self, start: int, stop: int) -> Directory:
        width, entry_bytes = int(self._word[1]), 20 if self._big else 12
        fields = [("tag", "u2"), ("kind", "u2"), ("num_values", self._word), ("value", f"V{self._word[1]}")]
        layout = np.dtype([(name, f"{self.order}{kind}") for name, kind in fields])
        rows = np.frombuffer(self._data[start:stop], layout)
        found: Directory = {}
        for i, row in enumerate(rows):  # the first of repeated tags counts, as in libtiff
            at = start + (i + 1) * entry_bytes - width
            found.setdefault(int(row["tag"]), TagLocation(int(row["kind"]), int(row["num_values"]), at))
        return found

    def _packed(self, kind: str, number: int) -> bytes:
        return np.array(number, f"{self.order}{kind}").tobytes()

    def _integer(self, kind: str, offset: int) -> int:
        return int(self._integers(kind, offset, 1)[0])

    def _integers(self, kind: str, offset: int, num_values: int) -> NDArray[np.uint64]:
        stop = offset + num_values * int(kind[1])
        _require(self._data, offset, stop - offset)
        return np.frombuffer(self._data[offset:stop], f"{self.order}{kind}").astype(np.uint64)


def photo_directory(tiff: Tiff) -> Directory:
    """Tags of the photo: the first image that is neither a reduced copy of another image nor a mask.

    It is the first image if there is no other one, or if the chain of directories is damaged.
    """
    first = tiff.readable_directory(tiff.first)
    if not _is_secondary(tiff, first):
        return first
    try:
        others = [directory for directory in tiff.directories() if not _is_secondary(tiff, directory)]
        return next((directory for directory in others if min(tiff.size(directory))), first)
    except Broken:
        return first


def _is_secondary(tiff: Tiff, directory: Directory) -> bool:
    is_reduced = tiff.value(directory, _SUBFILE_TYPE, 1) == 2
    return is_reduced or bool(tiff.value(directory, _NEW_SUBFILE_TYPE, 0) & (_REDUCED | _MASK))


def _require(data: bytes, offset: int, count: int) -> None:
    if offset + count > len(data):
        message = f"is truncated: needs bytes {offset} to {offset + count}, has {len(data)}"
        raise Broken(Reason.CORRUPT_INPUT, message)
