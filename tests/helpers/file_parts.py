"""Parts of image files, put together by hand."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG with its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_bomb() -> bytes:
    """A whole, small PNG of 30000 x 30000 one-bit pixels."""
    header = struct.pack(">IIBBBBB", 30000, 30000, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(30000 * (1 + 30000 // 8)), 9)
    return PNG_SIGNATURE + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")


def iso_box(name: bytes, content: bytes) -> bytes:
    """A box of an ISO base media file."""
    return struct.pack(">I4s", 8 + len(content), name) + content


def tiff_of(strips: Sequence[bytes], columns: int, rows: int, **tags: int | tuple[int, ...]) -> bytes:
    """A grey TIFF of 8 bits with these strips of equal height; ``t274=6`` sets or adds a tag, as a LONG."""
    offsets = [8 + sum(map(len, strips[:number])) for number in range(len(strips))]
    numbers: dict[int, int | tuple[int, ...]] = {256: columns, 257: rows, 258: 8, 259: 1, 262: 1, 277: 1}
    numbers |= {273: tuple(offsets), 278: -(-rows // len(strips)), 279: tuple(map(len, strips))}
    numbers |= {int(name[1:]): value for name, value in tags.items()}
    start = 8 + sum(map(len, strips))
    end = start + 2 + 12 * len(numbers) + 4
    table, behind = struct.pack("<H", len(numbers)), b""
    for tag, value in sorted(numbers.items()):
        values = value if isinstance(value, tuple) else (value,)
        packed = struct.pack(f"<{len(values)}I", *values)
        table += struct.pack("<HHI", tag, 4, len(values))
        table += packed if len(packed) == 4 else struct.pack("<I", end + len(behind))
        behind += packed if len(packed) > 4 else b""
    return b"II*\0" + struct.pack("<I", start) + b"".join(strips) + table + bytes(4) + behind
