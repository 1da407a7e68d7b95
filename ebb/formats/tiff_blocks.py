"""Strips and tiles of a TIFF, decompressed into an array.

They are decompressed one by one and in bands of rows, so that memory holds little more than the samples that
are kept, and no pixel is uninitialised: a strip that is missing, damaged or too short is an error. Pillow's
libtiff decompresses LZW and PackBits, as the bytes of a grey picture. (OpenCV's decoder does not report
strips that are missing or too short.)

Source: Adobe, *TIFF Revision 6.0*, 1992, and *TIFF Technical Note 3*, 2005, for floating-point differences.
"""

from __future__ import annotations

import io
import lzma
import struct
import warnings
import zlib
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ebb.errors import Broken, Reason
from ebb.formats.tiff_layout import DEFLATE, LZMA, NONE, OLD_DEFLATE, blocks, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ebb.formats.tiff_layout import Layout
    from ebb.formats.tiff_reader import Directory, Tiff

    Samples = NDArray[Any]

_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_BAND_BYTES = 1 << 20
_INPUT_BYTES = 1 << 18
_LZMA_MEMORY = 1 << 28
_LARGEST_HEADER = 1 << 12
_SMALL_BLOCK = 1 << 26
"""Bytes of a strip that may be decompressed whole even if most of its samples are dropped."""


def damaged(how: str) -> Broken:
    """The error for a strip or tile that cannot be read."""
    return Broken(Reason.CORRUPT_INPUT, f"is damaged: a strip or tile {how}")


def read_samples(tiff: Tiff, directory: Directory, layout: Layout, kept: int) -> Samples:
    """Read samples as they are stored: not rotated, inverted or scaled. JPEG is not supported.

    Args:
        tiff: The file.
        directory: Tags of the image.
        layout: Its layout.
        kept: Number of samples per pixel to return, from the first one.

    Returns:
        (height, width, kept), in the byte order of the machine; 1 to 7 bits in 8, and 9 to 15 bits in 16.

    Raises:
        Broken: ``corrupt_input`` if strips or tiles are missing or damaged; ``unsupported_pixels`` if one
            needs far more memory than the samples that are kept.
    """
    offsets, lengths = blocks(tiff, directory, layout)
    columns, rows = layout.block
    across, down = -(-layout.size.width // columns), -(-layout.size.height // rows)
    bits = 8 if layout.bits <= 8 else max(16, layout.bits)
    out = np.zeros((layout.size.height, layout.size.width, kept), f"{layout.kind}{bits // 8}")
    for index in range(across * down * (kept if layout.planes > 1 else 1)):
        plane, place = divmod(index, across * down)
        top, left = (place // across) * rows, (place % across) * columns
        target = out[top : top + rows, left : left + columns]
        if layout.planes > 1:
            target = target[..., plane : plane + 1]
        most = 2 * layout.row_bytes * rows + _LARGEST_HEADER  # no compression doubles what it cannot compress
        content = tiff.part(int(offsets[index]), int(lengths[index]), most)
        try:
            _unpack(content, layout, tiff.order, target)
        except (zlib.error, lzma.LZMAError, EOFError) as error:
            raise damaged(f"cannot be decompressed: {error}") from error
    return out


def _unpack(content: bytes, layout: Layout, order: str, target: Samples) -> None:
    """Fill the part of the image that a strip or tile covers."""
    height = layout.block[1] if layout.is_tiled else len(target)
    row_bytes, (visible, width, kept) = layout.row_bytes, target.shape
    step = max(1, _BAND_BYTES // row_bytes)
    content = content.translate(_REVERSED_BITS) if layout.is_reversed else content
    stream = _Stream(_pieces(content, layout, height, step * row_bytes, target.nbytes))
    for top in range(0, height, step):
        num_rows = min(step, height - top)
        band = stream.read(num_rows * row_bytes)
        if len(band) < num_rows * row_bytes:
            raise damaged(f"holds {top * row_bytes + len(band)} of {height * row_bytes} bytes")
        if top < visible:
            lines = np.frombuffer(band, np.uint8).reshape(num_rows, row_bytes)[: visible - top]
            target[top : top + num_rows] = _values(lines, layout, order, width, kept)
    stream.read(1)  # the checksum behind the last row


def _values(lines: NDArray[np.uint8], layout: Layout, order: str, width: int, kept: int) -> Samples:
    """(rows, width, kept) of some rows of bytes; further columns and samples are dropped."""
    if layout.bits % 8:
        return _from_bits(lines, layout, width, kept)
    shape, item = (len(lines), layout.block[0], layout.in_block), layout.bits // 8
    if layout.predictor == 3:
        by_pixel = lines.reshape(len(lines), -1, layout.in_block)
        places = np.cumsum(by_pixel, axis=1, dtype=np.uint8).reshape(len(lines), item, -1)
        in_order = np.ascontiguousarray(places.transpose(0, 2, 1))
        return in_order.view(f">f{item}").reshape(shape)[:, :width, :kept]
    if layout.predictor == 2:  # of integers and of the bits of floating-point numbers
        differences = lines.view(f"{order}u{item}").reshape(shape)[:, :width, :kept]
        sums = np.cumsum(differences, axis=1, dtype=f"u{item}")
        return cast("Samples", sums.view(f"{layout.kind}{item}"))
    return lines.view(f"{order}{layout.kind}{item}").reshape(shape)[:, :width, :kept]


def _from_bits(lines: NDArray[np.uint8], layout: Layout, width: int, kept: int) -> Samples:
    """Values with a number of bits that is not a whole number of bytes; each row begins with a byte."""
    bits = layout.bits
    first = ((np.arange(width)[:, None] * layout.in_block + np.arange(kept)) * bits).ravel()
    at, over = first >> 3, first & 7
    if bits < 8:  # 1, 2 or 4: no value spans two bytes
        some = np.take(lines, at, axis=1) >> (8 - bits - over).astype(np.uint8)
        return cast("Samples", (some & ((1 << bits) - 1)).reshape(len(lines), width, kept))
    wide = np.zeros((len(lines), len(at)), np.uint32)
    for place in range(3):  # bits of a third byte beyond the row are not used
        wide <<= 8
        wide |= np.take(lines, np.minimum(at + place, lines.shape[1] - 1), axis=1)
    wide >>= (24 - bits - over).astype(np.uint32)
    return cast("Samples", (wide & ((1 << bits) - 1)).astype(np.uint16).reshape(len(lines), width, kept))


class _Stream:
    """Bytes from pieces of any length."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def read(self, count: int) -> bytes | memoryview:
        """The next bytes; fewer at the end."""
        parts: list[memoryview] = []
        while count:
            self._rest = self._rest or memoryview(next(self._pieces, b""))
            if not self._rest:
                break
            parts.append(self._rest[:count])
            self._rest = self._rest[len(parts[-1]) :]
            count -= len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _pieces(content: bytes, layout: Layout, height: int, length: int, kept_bytes: int) -> Iterator[bytes]:
    """Bytes of a strip or tile; Deflate and LZMA give pieces of at most ``length`` bytes."""
    if layout.compression == NONE:
        return iter([content])
    if layout.compression in (DEFLATE, OLD_DEFLATE):
        return _inflated(memoryview(content), length)
    if layout.compression == LZMA:
        return _from_lzma(memoryview(content), length)
    needed = layout.row_bytes * height
    if needed > max(_SMALL_BLOCK, 2 * kept_bytes):
        raise refused(f"a strip or tile of {needed / 1e6:.0f} MB for {kept_bytes / 1e6:.0f} MB of colours")
    return iter([_by_libtiff(content, layout.compression, layout.row_bytes, height)])


def _inflated(content: memoryview, length: int) -> Iterator[bytes]:
    tool = zlib.decompressobj()
    for at in range(0, len(content), _INPUT_BYTES):
        waiting: bytes | memoryview = content[at : at + _INPUT_BYTES]
        while not tool.eof:
            piece = tool.decompress(waiting, length)
            waiting = tool.unconsumed_tail
            yield piece
            if not waiting and len(piece) < length:
                break


def _from_lzma(content: memoryview, length: int) -> Iterator[bytes]:
    tool = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
    for at in range(0, len(content), _INPUT_BYTES):
        waiting: bytes | memoryview = content[at : at + _INPUT_BYTES]
        while not tool.eof:
            yield tool.decompress(waiting, length)
            waiting = b""
            if tool.needs_input:
                break


def _by_libtiff(content: bytes, compression: int, row_bytes: int, height: int) -> bytes:
    """Decompress a strip as the bytes of a grey picture."""
    tags = [(256, 4, row_bytes), (257, 4, height), (258, 3, 8), (259, 3, compression), (262, 3, 1)]
    tags += [(273, 4, 0), (277, 3, 1), (278, 4, height), (279, 4, len(content))]
    start = 8 + 2 + 12 * len(tags) + 4
    rows = [struct.pack("<HHII", tag, kind, 1, start if tag == 273 else value) for tag, kind, value in tags]
    header = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + b"".join(rows) + bytes(4)
    return by_pillow(header + content, "L").tobytes()


def by_pillow(tiff: bytes, mode: str) -> NDArray[np.uint8]:
    """Decode a TIFF whose size and tags have been checked; Pillow applies orientation tags.

    Raises:
        Broken: ``corrupt_input`` if it cannot be decoded.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of size and damaged tags
            with Image.open(io.BytesIO(tiff)) as image:
                return np.array(image.convert(mode), np.uint8)
    except (OSError, ValueError, SyntaxError, TypeError, Image.DecompressionBombError) as error:
        raise damaged(f"cannot be decompressed: {error}") from error
