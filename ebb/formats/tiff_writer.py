"""Writing of TIFF image file directories, as used by EXIF and DNG: tags to little-endian bytes.

Source: Adobe, *TIFF Revision 6.0*, 1992, section 2.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from ebb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADER = b"II*\x00\x08\x00\x00\x00"
"""Header of a little-endian TIFF, directly followed by the first directory."""

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _UNDEFINED, _SRATIONAL, _DOUBLE = 1, 2, 3, 4, 5, 7, 10, 12
_LARGEST_DENOMINATOR = 1_000_000


class TiffTag(NamedTuple):
    """One tag of a directory, packed."""

    tag: int
    kind: int
    num_values: int
    payload: bytes


def byte(tag: int, *values: int) -> TiffTag:
    """8-bit numbers."""
    return _pack(tag, _BYTE, "B", values)


def short(tag: int, *values: int) -> TiffTag:
    """16-bit numbers."""
    return _pack(tag, _SHORT, "H", values)


def long(tag: int, *values: int) -> TiffTag:
    """32-bit numbers."""
    return _pack(tag, _LONG, "I", values)


def double(tag: int, *values: float) -> TiffTag:
    """64-bit floats."""
    return _pack(tag, _DOUBLE, "d", values)


def ascii_text(tag: int, text: str) -> TiffTag:
    """Text with a closing zero byte.

    Raises:
        UsageError: the text is not ASCII; other bytes are undefined in TIFF.
    """
    if not text.isascii():
        raise UsageError(f"tag {tag}: {text!r} is not ASCII", hint="TIFF and EXIF hold no other text")
    payload = text.encode("ascii") + b"\0"
    return TiffTag(tag, _ASCII, len(payload), payload)


def undefined(tag: int, payload: bytes) -> TiffTag:
    """Bytes whose meaning the tag defines."""
    return TiffTag(tag, _UNDEFINED, len(payload), payload)


def rational(tag: int, *values: float | Fraction) -> TiffTag:
    """Non-negative fractions; floats are rounded to the nearest one with a denominator up to a million."""
    return _pack_fractions(tag, _RATIONAL, "I", values)


def srational(tag: int, *values: float | Fraction) -> TiffTag:
    """Fractions of either sign."""
    return _pack_fractions(tag, _SRATIONAL, "i", values)


def directory_size(entries: Iterable[TiffTag]) -> int:
    """Number of bytes that :func:`directory` returns for the entries."""
    return len(directory(entries, 0))


def directory(entries: Iterable[TiffTag], offset: int) -> bytes:
    """Write a directory, followed by the values that do not fit into it.

    Args:
        entries: Tags in any order, each once.
        offset: Offset of the directory in the file, an even number.

    Returns:
        Directory and values, an even number of bytes; no next directory.

    Raises:
        UsageError: a tag occurs twice.
    """
    ordered = sorted(entries)
    tags = [entry.tag for entry in ordered]
    if len(set(tags)) < len(tags):
        raise UsageError(f"a TIFF directory with a duplicate tag: {tags}")
    table, values = [struct.pack("<H", len(ordered))], bytearray()
    behind = offset + 2 + 12 * len(ordered) + 4
    for entry in ordered:
        field = entry.payload.ljust(4, b"\0")
        if len(entry.payload) > 4:
            field = struct.pack("<I", behind + len(values))
            values += entry.payload + b"\0" * (len(entry.payload) % 2)
        table.append(struct.pack("<HHI", entry.tag, entry.kind, entry.num_values) + field)
    return b"".join(table) + struct.pack("<I", 0) + bytes(values)


def _pack(tag: int, kind: int, code: str, values: tuple[float, ...]) -> TiffTag:
    try:
        payload = struct.pack(f"<{len(values)}{code}", *values)
    except struct.error as error:
        raise UsageError(f"tag {tag}: {values} does not fit: {error}") from error
    return TiffTag(tag, kind, len(values), payload)


def _pack_fractions(tag: int, kind: int, code: str, values: tuple[float | Fraction, ...]) -> TiffTag:
    parts = [Fraction(value).limit_denominator(_LARGEST_DENOMINATOR) for value in values]
    flat = tuple(number for part in parts for number in (part.numerator, part.denominator))
    return _pack(tag, kind, code, flat)._replace(num_values=len(parts))
