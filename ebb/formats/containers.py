"""Structure of JPEG, PNG, WebP, CR3 and RAF files: byte ranges of their parts, without decoding pixels."""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from ebb.arrays import Size
from ebb.errors import Broken, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator


class Part(NamedTuple):
    """One JPEG segment, PNG chunk or ISO box: its name and the byte range of its content."""

    name: bytes
    start: int
    stop: int


class PngHeader(NamedTuple):
    """Content of the first chunk of a PNG."""

    size: Size
    channels: int
    """1: grey. 3: RGB. 0: any other colour type (palette, alpha)."""
    bits: int
    """Bits per sample."""


PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
WEBP_MAGIC = (b"RIFF", b"WEBP")
"""Bytes 0 to 3 and 8 to 11 of a WebP; the length is between them."""

_CANON_BOX = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
# A marker other than a stuffed zero, a fill byte, TEM or a restart; padding before it is skipped.
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
_SOI, _EOI = b"\xd8", b"\xd9"
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
FRAME_HEADERS = frozenset(bytes([code]) for code in range(0xC0, 0xD0) if code not in (0xC4, 0xC8, 0xCC))
"""Markers of a JPEG's frame header (SOF)."""


def truncated(what: str, needed: int, has: int) -> Broken:
    """Error for a part that extends beyond the end of the file."""
    return Broken(Reason.CORRUPT_INPUT, f"is truncated: {what} needs {needed} bytes, the file has {has}")


def jpeg_segments(data: bytes) -> Iterator[Part]:
    """Segments of a JPEG in file order, the last one being EOI; named by their marker byte.

    Entropy-coded data is skipped by searching for the next marker (ITU-T T.81, B.1.1).

    Raises:
        Broken: ``corrupt_input`` if the file ends before EOI, as a truncated file does.
    """
    position = 2
    while match := _MARKER.search(data, position):
        name, start = match.group(1), match.end()
        if name in (_SOI, _EOI):
            yield Part(name, start, start)
            if name == _EOI:
                return
            position = start
            continue
        length = int.from_bytes(data[start : start + 2], "big")
        if length < 2 or start + length > len(data):
            raise truncated(f"JPEG segment FF{name.hex().upper()}", start + max(length, 2), len(data))
        yield Part(name, start + 2, start + length)
        position = start + length
    raise Broken(Reason.CORRUPT_INPUT, "is truncated: the JPEG has no end-of-image marker")


def jpeg_frame_size(data: bytes, segment: Part) -> Size | None:
    """Width and height if the segment is a frame header (SOF), else ``None``."""
    if segment.name not in FRAME_HEADERS or segment.stop - segment.start < 5:
        return None
    height, width = struct.unpack_from(">HH", data, segment.start + 1)
    return Size(width, height)


def png_chunks(data: bytes) -> Iterator[Part]:
    """Chunks of a PNG in file order, the last one being IEND; each checksum is verified.

    Raises:
        Broken: ``corrupt_input`` when the file ends before IEND or a checksum is wrong.
    """
    position = len(PNG_SIGNATURE)
    view = memoryview(data)
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        start, stop = position + 8, position + 8 + length
        if stop + 4 > len(data):
            raise truncated(f"PNG chunk {name!r}", stop + 4, len(data))
        if zlib.crc32(view[position + 4 : stop]) != int.from_bytes(data[stop : stop + 4], "big"):
            raise Broken(Reason.CORRUPT_INPUT, f"is damaged: PNG chunk {name!r} has a wrong checksum")
        yield Part(name, start, stop)
        if name == b"IEND":
            return
        position = stop + 4
    raise Broken(Reason.CORRUPT_INPUT, "is truncated: the PNG has no IEND chunk")


def png_with_pixels_only(data: bytes, *also: bytes) -> bytes:
    """A PNG without chunks other than header, palette, transparency, pixels and those named; not checked.

    Decoders need no other chunks, but libpng decompresses every text and profile that it meets.
    """
    names = (*_PIXEL_CHUNKS, *also)
    kept = [slice(0, len(PNG_SIGNATURE))]
    position = len(PNG_SIGNATURE)
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        stop = min(position + 12 + length, len(data))
        if name in names and kept[-1].stop == position:
            kept[-1] = slice(kept[-1].start, stop)
        elif name in names:
            kept.append(slice(position, stop))
        position = stop
    return data if len(kept) == 1 and kept[0].stop >= position else b"".join(data[part] for part in kept)


def read_png_header(data: bytes) -> PngHeader:
    """Read the IHDR chunk (PNG specification, 11.2.2).

    Raises:
        Broken: ``corrupt_input`` if the file does not begin with a complete IHDR chunk.
    """
    if data[12:16] != b"IHDR" or len(data) < 33:
        raise Broken(Reason.CORRUPT_INPUT, "is truncated: the PNG has no header chunk")
    width, height, bits, colour_type = struct.unpack_from(">IIBB", data, 16)
    return PngHeader(Size(width, height), {0: 1, 2: 3}.get(colour_type, 0), bits)


def webp_size(data: bytes) -> Size:
    """Size of a WebP from its first chunk (RFC 9649).

    Raises:
        Broken: ``corrupt_input`` if the file is truncated or begins with another chunk.
    """
    length = 8 + int.from_bytes(data[4:8], "little")
    if len(data) < max(length, 30):
        raise truncated("the WebP", max(length, 30), len(data))
    first = data[12:16]
    if first == b"VP8X":
        return Size(*(1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27)))
    if first == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if first == b"VP8 ":
        return Size(*(side & 0x3FFF for side in struct.unpack_from("<HH", data, 26)))
    raise Broken(Reason.CORRUPT_INPUT, f"is damaged: the WebP begins with a chunk {first!r}")


def iso_boxes(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[Part]:
    """Boxes of an ISO base media file (ISO/IEC 14496-12, 4.2) between two offsets, named by their type.

    Raises:
        Broken: ``corrupt_input`` if a box extends beyond ``stop``, as in a truncated file.
    """
    end = len(data) if stop is None else stop
    while start < end:
        size = int.from_bytes(data[start : start + 4], "big")
        header = 8
        if size == 1:
            size, header = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        elif size == 0:
            size = end - start
        if size < header or start + size > end:
            raise truncated(f"box {data[start + 4 : start + 8]!r}", start + max(size, header), end)
        yield Part(data[start + 4 : start + 8], start + header, start + size)
        start += size


def cr3_metadata(data: bytes) -> list[bytes]:
    """The TIFF blocks with the camera (``CMT1``) and exposure (``CMT2``) tags of a CR3.

    Raises:
        Broken: ``corrupt_input`` when the boxes do not fit into the file.
    """
    blocks = []
    for movie in (part for part in iso_boxes(data) if part.name == b"moov"):
        for uuid in iso_boxes(data, movie.start, movie.stop):
            if uuid.name == b"uuid" and data[uuid.start : uuid.start + 16] == _CANON_BOX:
                inner = iso_boxes(data, uuid.start + 16, uuid.stop)
                blocks += [data[part.start : part.stop] for part in inner if part.name in (b"CMT1", b"CMT2")]
    return blocks


def raf_blocks(data: bytes) -> list[Part]:
    """Embedded JPEG, metadata and sensor data of a Fujifilm RAF, from the offsets in its header.

    Raises:
        Broken: ``corrupt_input`` if one of them extends beyond the end of the file.
    """
    if len(data) < 108:
        raise truncated("the RAF header", 108, len(data))
    numbers = struct.unpack_from(">6I", data, 84)
    blocks = []
    for name, offset, length in zip((b"JPEG", b"meta", b"CFA"), numbers[::2], numbers[1::2], strict=True):
        if offset + length > len(data):
            raise truncated(f"RAF block {name.decode()}", offset + length, len(data))
        blocks.append(Part(name, offset, offset + length))
    return blocks
