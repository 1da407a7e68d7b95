"""The EXIF block of a file, extracted from its container, and its tags, read defensively.

A block is a complete TIFF file: offsets count from its first byte and must lie within it. A reader that
receives the whole photo instead would interpret compressed pixels as tags if an offset is damaged. An
unreadable tag is omitted and does not affect others.
"""

from __future__ import annotations

import io
import string
import zlib
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

from ebb.errors import Broken
from ebb.formats.containers import PNG_SIGNATURE, jpeg_segments, png_chunks
from ebb.formats.tiff_reader import Tiff, photo_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ebb.formats.tiff_reader import Directory, TagLocation

TagValue: TypeAlias = str | tuple[float, ...]
"""Value of a tag: text, or its first numbers; n/0 is NaN."""

Value = TypeVar("Value")

MAX_NUMBERS = 16
"""Largest number of values read per tag; the tags that are used have at most four."""

MAX_TEXT_BYTES = 1024

EXIF_POINTER, INTEROPERABILITY_POINTER = 0x8769, 0xA005
_ORIENTATION = 0x0112
_EXIF_HEADER = b"Exif\0"
_HEADER_BYTES = 6
"""Bytes of the header and a byte of padding, which is 0 in conforming files."""
_TIFF_HEADERS = (b"II*\0", b"MM\0*")
_APP1, _START_OF_SCAN = b"\xe1", b"\xda"
_TEXT_CHUNKS, _RAW_PROFILE = (b"tEXt", b"zTXt", b"iTXt"), b"raw profile type "
_KEYWORD_BYTES = 80
"""Bytes of the longest keyword of a PNG, and the zero after it."""
_MAX_PROFILE_BYTES = 1 << 24
_MAX_BLOCKS, _MAX_PROFILES = 8, 4
"""Largest numbers of EXIF blocks and of profiles of one kind that are read; files have one, rarely two."""
_FIRST_EXIF_TAG = 0x8000
"""Tags below it are those of TIFF itself, such as the orientation."""
_TEXT_TYPES = (2, 129)  # ASCII and, since Exif 3.0, UTF-8
_NUMBER_TYPES = {
    1: "u1",
    3: "u2",
    4: "u4",
    6: "i1",
    7: "u1",
    8: "i2",
    9: "i4",
    11: "f4",
    12: "f8",
    13: "u4",
    16: "u8",
    17: "i8",
    18: "u8",
}
_RATIONAL_TYPES = {5: "u4", 10: "i4"}


def jpeg_exif(data: bytes) -> list[bytes]:
    """The EXIF blocks of a JPEG, at any position before its pixels.

    A block too large for one segment continues in the next one, which then has no TIFF header.
    """
    blocks: list[list[bytes]] = []
    for rest in jpeg_application_data(data, _APP1, _EXIF_HEADER):
        content = rest[_HEADER_BYTES - len(_EXIF_HEADER) :]
        if content.startswith(_TIFF_HEADERS) or not blocks:
            if len(blocks) == _MAX_BLOCKS:
                break
            blocks.append([content])
        else:
            blocks[-1].append(content)
    return [b"".join(parts) for parts in blocks]


def without_header(block: bytes) -> bytes:
    """An EXIF block without the header that precedes it in JPEG files."""
    return block[_HEADER_BYTES:] if block.startswith(_EXIF_HEADER) else block


def jpeg_application_data(data: bytes, marker: bytes, header: bytes) -> list[bytes]:
    """Content after ``header`` in each segment of that marker before the pixels; damage ends the search."""
    found = []
    try:
        for segment in jpeg_segments(data):
            if segment.name == _START_OF_SCAN:
                break
            if segment.name == marker and data.startswith(header, segment.start, segment.stop):
                found.append(data[segment.start + len(header) : segment.stop])
    except Broken:
        pass  # probe reports truncated files
    return found


def png_exif(data: bytes) -> list[bytes]:
    """The EXIF blocks of a PNG: the eXIf chunk, then the text chunks of ImageMagick."""
    chunks = list(readable_chunks(data))
    blocks = [data[start:stop] for name, start, stop in chunks if name == b"eXIf"][:_MAX_BLOCKS]
    blocks += png_raw_profiles(data, chunks, (b"exif", b"app1"))
    return [without_header(block) for block in blocks]


def readable_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Chunks of a PNG before the first damaged one."""
    if not data.startswith(PNG_SIGNATURE):
        return
    try:
        yield from png_chunks(data)
    except Broken:
        return


def png_raw_profiles(
    data: bytes, chunks: Iterable[tuple[bytes, int, int]], kinds: tuple[bytes, ...]
) -> Iterator[bytes]:
    """Contents of the first text chunks ``Raw profile type KIND``, without those that are damaged."""
    num_found = 0
    for name, start, stop in chunks:
        keyword = data[start : min(stop, start + _KEYWORD_BYTES)].partition(b"\0")[0].lower()
        is_profile = keyword.startswith(_RAW_PROFILE) and keyword.split()[-1] in kinds
        if name in _TEXT_CHUNKS and is_profile and num_found < _MAX_PROFILES:
            num_found += 1
            if profile := _raw_profile(name, data[start + len(keyword) + 1 : stop]):
                yield profile


def _raw_profile(name: bytes, rest: bytes) -> bytes:
    """Content after the keyword of a text chunk, stored in hexadecimal; empty if it is damaged."""
    if name == b"zTXt":
        rest = inflated(rest[1:])
    elif name == b"iTXt":
        compressed, rest = rest[:1] == b"\x01", rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        rest = inflated(rest) if compressed else rest
    digits = b"".join(rest.split(None, 2)[2:])  # the first two words are the kind and the number of bytes
    try:
        return bytes.fromhex(digits.translate(None, string.whitespace.encode()).decode("ascii"))
    except ValueError:
        return b""


def inflated(content: bytes) -> bytes:
    """Content of a zlib stream, up to a limit; empty if it is damaged."""
    try:
        return zlib.decompressobj().decompress(content, _MAX_PROFILE_BYTES)
    except zlib.error:
        return b""


def read_tags(block: bytes) -> dict[int, TagValue]:
    """Tags of the main, the EXIF and the interoperability directory.

    Of a tag in several directories, the main one counts for tags of TIFF itself, such as the orientation, and
    the EXIF directory for others; of a tag repeated in one directory, the first. Texts are decoded by
    exifread if it can read the block. Tags whose values are not in the block are omitted.

    Args:
        block: An EXIF block, or a whole TIFF-like file. Maker notes, thumbnail and GPS are not read.
    """
    inside = _each_tag(block)
    texts = {tag: text for tag, text in _texts_by_exifread(block).items() if tag in inside}
    return inside | {tag: text for tag, text in texts.items() if isinstance(inside[tag], str)}


def _texts_by_exifread(block: bytes) -> dict[int, str]:
    """Texts of a block by exifread; empty if it fails."""
    import exifread

    try:
        tags = exifread.process_file(io.BytesIO(block), details=False, extract_thumbnail=False)
    except Exception:  # noqa: BLE001 - damaged blocks raise exceptions of any type
        return {}
    found: list[dict[int, str]] = []
    for directory in ("Image", "EXIF", "Interoperability"):
        named = [tag for name, tag in tags.items() if name.startswith(f"{directory} ")]
        found.append({tag.tag: tag.values[:MAX_TEXT_BYTES] for tag in named if isinstance(tag.values, str)})
    return _combined(found)


def _combined(directories: Sequence[Mapping[int, Value]]) -> dict[int, Value]:
    """Tags of the main directory and, if there are any, of the EXIF and interoperability directories."""
    main, details, interoperability = [*directories, {}, {}][:3]
    own = {tag: value for tag, value in main.items() if tag < _FIRST_EXIF_TAG}
    return {**interoperability, **main, **details, **own}


def _each_tag(block: bytes) -> dict[int, TagValue]:
    try:
        tiff = Tiff(block)
    except Broken:
        return {}
    main = tiff.readable_directory(tiff.first)
    directories = [main]
    if EXIF_POINTER in main:
        directories.append(_below(tiff, main, EXIF_POINTER))
        directories.append(_below(tiff, directories[-1], INTEROPERABILITY_POINTER))
    return _combined([_values(tiff, directory) for directory in directories])


def merged(blocks: list[bytes]) -> dict[int, TagValue]:
    """Tags of several blocks of one file; the first block that has a tag applies."""
    found: dict[int, TagValue] = {}
    for block in blocks:
        found = read_tags(block) | found
    return found


def tiff_orientation(data: bytes) -> dict[int, TagValue]:
    """Orientation tag of the photo of a TIFF, which may stand behind its thumbnail; empty without one."""
    try:
        tiff = Tiff(data)
        directory = photo_directory(tiff)
    except Broken:
        return {}
    return {tag: value for tag, value in _values(tiff, directory).items() if tag == _ORIENTATION}


def _below(tiff: Tiff, directory: Directory, tag: int) -> Directory:
    try:
        offset = tiff.value(directory, tag, 0)
    except Broken:
        return {}
    return tiff.readable_directory(offset)


def _values(tiff: Tiff, directory: Directory) -> Mapping[int, TagValue]:
    found: dict[int, TagValue] = {}
    for tag, entry in directory.items():
        try:
            value = _value(tiff, entry)
        except Broken:
            continue
        if value is not None:
            found[tag] = value
    return found


def _value(tiff: Tiff, entry: TagLocation) -> TagValue | None:
    """Text, numbers, or ``None`` for a type that is neither.

    Raises:
        Broken: the value lies outside the block.
    """
    if entry.kind in _TEXT_TYPES:
        return _text(tiff.content(entry, 1, MAX_TEXT_BYTES))
    if entry.kind in _RATIONAL_TYPES:
        kind = _RATIONAL_TYPES[entry.kind]
        pairs = _numbers(tiff, tiff.content(entry, 8, MAX_NUMBERS), kind)
        return tuple(a / b if b else float("nan") for a, b in zip(pairs[::2], pairs[1::2], strict=True))
    if entry.kind in _NUMBER_TYPES:
        kind = _NUMBER_TYPES[entry.kind]
        width = int(kind[1])
        return tuple(map(float, _numbers(tiff, tiff.content(entry, width, MAX_NUMBERS), kind)))
    return None


def _numbers(tiff: Tiff, content: bytes, kind: str) -> list[float]:
    numbers: list[float] = np.frombuffer(content, f"{tiff.order}{kind}").tolist()
    return numbers


def _text(content: bytes) -> str:
    content = content.partition(b"\0")[0]
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
