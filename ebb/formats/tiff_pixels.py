"""Pixels of a TIFF photo: supported combinations are decoded, others are refused with their name.

Strips and tiles are decompressed one by one and copied to their place, so that no pixel is uninitialised.
Pillow's libtiff decompresses LZW and PackBits, as the bytes of a grey picture, and JPEG inside TIFF as a
whole, since it converts the colours. (OpenCV's decoder does not report strips that are too short.)

Source: Adobe, *TIFF Revision 6.0*, 1992, and *TIFF Technical Notes* of 1995 and 2002.
"""

from __future__ import annotations

import io
import lzma
import struct
import warnings
import zlib
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from ebb.errors import Broken, Reason
from ebb.formats.tiff_reader import Tiff

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Rgb, Rgb8, Size
    from ebb.formats.tiff_reader import Directory

    Samples = NDArray[np.uint8] | NDArray[np.uint16]

_BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _ORIENTATION = 258, 259, 262, 266, 274
_SAMPLES, _ROWS_PER_STRIP = 277, 278
_PLANAR, _PREDICTOR, _COLOR_MAP, _TILE_WIDTH, _TILE_HEIGHT = 284, 317, 320, 322, 323
_EXTRA_SAMPLES, _SAMPLE_FORMAT = 338, 339
_STRIPS, _TILES = (273, 279), (324, 325)

_NONE, _LZW, _JPEG, _DEFLATE, _PACKBITS, _OLD_DEFLATE, _LZMA = 1, 5, 7, 8, 32773, 32946, 34925
_COMPRESSIONS = frozenset({_NONE, _LZW, _JPEG, _DEFLATE, _PACKBITS, _OLD_DEFLATE, _LZMA})
_COMPRESSION_NAMES = {
    2: "CCITT RLE",
    3: "CCITT fax 3",
    4: "CCITT fax 4",
    6: "old-style JPEG",
    34712: "JPEG 2000",
    34887: "LERC",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_CHANNELS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _YCBCR: 3}
_OTHER_COLORS = {
    5: "CMYK",
    8: "CIE L*a*b*",
    9: "ICC L*a*b*",
    10: "ITU L*a*b*",
    32844: "LogL",
    32845: "LogLuv",
}
_SENSOR_DATA = (32803, 34892)
_DEPTHS = (1, 2, 4, 8, 10, 12, 14, 16)
_MAX_SAMPLES = 8
_ASSOCIATED_ALPHA = 1
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ROWS_AT_ONCE = 64
_LARGEST_TILE = 1 << 22
_LZMA_MEMORY = 1 << 28


class Layout(NamedTuple):
    """Storage layout of the pixels of an image; supported layouts only."""

    size: Size
    bits: int
    num_samples: int
    photometric: int
    compression: int
    planes: int
    """1, or the number of samples if each has separate strips or tiles."""
    block: tuple[int, int]
    """Columns and rows of a strip or tile."""
    is_tiled: bool
    has_differences: bool
    """Whether values are stored as differences from their left neighbours."""
    is_reversed: bool
    """Whether the first pixel of a byte is in its lowest bits."""
    is_premultiplied: bool

    @property
    def in_block(self) -> int:
        """Number of interleaved samples of a pixel in a block."""
        return self.num_samples if self.planes == 1 else 1


def tiff_layout(tiff: Tiff, directory: Directory) -> Layout:
    """Read the layout of an image.

    Raises:
        Broken: ``unsupported_pixels`` or ``unsupported_color``, with the name of the unsupported feature;
            ``corrupt_input`` if the tags contradict each other.
    """
    size, samples = tiff.size(directory), tiff.value(directory, _SAMPLES, 1)
    photometric, compression = _colors(tiff, directory), tiff.value(directory, _COMPRESSION, _NONE)
    planar = tiff.value(directory, _PLANAR, 1)
    if not _CHANNELS[photometric] <= samples <= _MAX_SAMPLES:
        raise Broken(Reason.CORRUPT_INPUT, f"claims {samples} samples per pixel")
    if compression not in _COMPRESSIONS:
        raise _refused(f"compression {compression} ({_COMPRESSION_NAMES.get(compression, 'unknown')})")
    bits = _depth(tiff, directory)
    predictor = tiff.value(directory, _PREDICTOR, 1)
    if predictor not in (1, 2) or (predictor == 2 and bits not in (8, 16)):
        raise _refused(f"predictor {predictor} with {bits} bits")
    if compression == _JPEG and (bits != 8 or planar != 1 or samples != _CHANNELS[photometric]):
        raise _refused(f"JPEG of {samples} samples of {bits} bits" + (", in planes" if planar != 1 else ""))
    if photometric == _YCBCR and compression != _JPEG:
        raise _refused("YCbCr without JPEG")
    is_tiled = _TILE_WIDTH in directory
    extra = tiff.values(directory, _EXTRA_SAMPLES, 1).tolist()
    return Layout(
        size,
        bits,
        samples,
        photometric,
        compression,
        samples if planar == 2 else 1,
        block_size(tiff, directory, size),
        is_tiled,
        predictor == 2 and compression in (_LZW, _DEFLATE, _OLD_DEFLATE, _LZMA),
        tiff.value(directory, _FILL_ORDER, 1) == 2,
        extra == [_ASSOCIATED_ALPHA],
    )


def block_size(tiff: Tiff, directory: Directory, size: Size) -> tuple[int, int]:
    """Columns and rows of a strip or tile.

    Raises:
        Broken: ``corrupt_input`` if tiles are far larger than the image.
    """
    if _TILE_WIDTH not in directory:
        return size.width, min(
            tiff.value(directory, _ROWS_PER_STRIP, size.height) or size.height, size.height
        )
    columns, rows = (tiff.value(directory, tag, 0) for tag in (_TILE_WIDTH, _TILE_HEIGHT))
    if not 0 < columns * rows <= max(_LARGEST_TILE, 4 * size.width * size.height):
        raise Broken(Reason.CORRUPT_INPUT, f"claims tiles of {columns} x {rows} pixels")
    return columns, rows


def _refused(what: str) -> Broken:
    return Broken(Reason.UNSUPPORTED_PIXELS, f"a TIFF with {what} is not supported")


def _damaged(how: str) -> Broken:
    return Broken(Reason.CORRUPT_INPUT, f"is damaged: a strip or tile {how}")


def _colors(tiff: Tiff, directory: Directory) -> int:
    photometric = tiff.value(directory, _PHOTOMETRIC, _BLACK_IS_ZERO)
    if photometric in _OTHER_COLORS:
        name = _OTHER_COLORS[photometric]
        raise Broken(Reason.UNSUPPORTED_COLOR, f"its colours are {name}; RGB and grey are supported")
    if photometric in _SENSOR_DATA:
        raise _refused("sensor data, as of a DNG,")
    if photometric not in _CHANNELS:
        raise _refused(f"photometric interpretation {photometric}")
    return photometric


def _depth(tiff: Tiff, directory: Directory) -> int:
    """Bits per sample."""
    bits = set(tiff.values(directory, _BITS, 64).tolist()) or {1}
    formats = set(tiff.values(directory, _SAMPLE_FORMAT, 64).tolist()) - {1}
    if formats:
        kind = {2: "signed", 3: "floating point"}.get(min(formats), "odd")
        raise _refused(f"{kind} pixels of {max(bits)} bits")
    if len(bits) > 1 or min(bits) not in _DEPTHS:
        raise _refused(f"{' and '.join(map(str, sorted(bits)))} bits per sample")
    return int(min(bits))


def decode_tiff(data: bytes) -> Rgb:
    """Decode the first image of a TIFF in its stored orientation.

    Returns:
        (height, width, 3), uint8 for up to 8 bits per sample, otherwise uint16, scaled to their full range;
        grey is converted to RGB, and extra samples are dropped.

    Raises:
        Broken: as for :func:`tiff_layout`, and ``corrupt_input`` if strips or tiles are missing or damaged.
    """
    tiff = Tiff(data)
    directory = tiff.readable_directory(tiff.first)
    layout = tiff_layout(tiff, directory)
    if layout.compression == _JPEG:
        _check_jpegs(tiff, directory, layout)
        return _by_pillow(tiff.with_value(directory, _ORIENTATION, 1), "RGB")
    samples = _samples(tiff, directory, layout)
    if layout.is_premultiplied and (samples[..., -1] != (1 << layout.bits) - 1).any():
        raise _refused("colours multiplied by an alpha channel")
    if layout.photometric == _PALETTE:
        return _from_palette(tiff, directory, layout, samples[..., 0])
    colors = _full_range(samples[..., : _CHANNELS[layout.photometric]], layout.bits)
    if layout.photometric == _WHITE_IS_ZERO:
        colors = np.iinfo(colors.dtype).max - colors
    return cast("Rgb", np.ascontiguousarray(np.broadcast_to(colors, (*colors.shape[:2], 3))))


def _check_jpegs(tiff: Tiff, directory: Directory, layout: Layout) -> None:
    """Check that each strip or tile is a complete JPEG, because libtiff pads truncated ones."""
    offsets, lengths = _blocks(tiff, directory, layout)
    for offset, length in zip(offsets, lengths, strict=False):
        content = tiff.part(offset, length)
        if not content.startswith(b"\xff\xd8") or b"\xff\xd9" not in content[-16:]:
            raise _damaged("is a truncated JPEG")


def _blocks(tiff: Tiff, directory: Directory, layout: Layout) -> tuple[list[int], list[int]]:
    """Offsets and lengths of strips or tiles."""
    tags = _TILES if layout.is_tiled else _STRIPS
    offsets, lengths = (tiff.values(directory, tag).tolist() for tag in tags)
    return offsets, lengths


def _samples(tiff: Tiff, directory: Directory, layout: Layout) -> Samples:
    """(height, width, samples) as stored; the last sample that is kept may be an alpha channel."""
    offsets, lengths = _blocks(tiff, directory, layout)
    columns, rows = layout.block
    across, down = -(-layout.size.width // columns), -(-layout.size.height // rows)
    needed = across * down * layout.planes
    if min(len(offsets), len(lengths)) < needed:
        raise Broken(
            Reason.CORRUPT_INPUT, f"has {min(len(offsets), len(lengths))} of {needed} strips or tiles"
        )
    kept = min(layout.num_samples, _CHANNELS[layout.photometric] + layout.is_premultiplied)
    out = np.zeros((layout.size.height, layout.size.width, kept), np.uint8 if layout.bits <= 8 else np.uint16)
    for index in range(across * down * (kept if layout.planes > 1 else 1)):
        plane, place = divmod(index, across * down)
        top, left = (place // across) * rows, (place % across) * columns
        height = rows if layout.is_tiled else min(rows, layout.size.height - top)
        content = tiff.part(offsets[index], lengths[index])
        block = _block(content, layout, tiff.order, height)
        target = out[top : top + rows, left : left + columns]
        visible = block[: target.shape[0], : target.shape[1]]
        if layout.planes > 1:
            target[..., plane] = visible[..., 0]
        else:
            target[:] = visible[..., :kept]
    return out


def _block(content: bytes, layout: Layout, order: str, height: int) -> Samples:
    """(height, columns, samples in a block) of a strip or tile."""
    values = layout.block[0] * layout.in_block
    row_bytes = -(-values * layout.bits // 8)
    content = content.translate(_REVERSED_BITS) if layout.is_reversed else content
    unpacked = _decompressed(content, layout.compression, row_bytes, height)
    if len(unpacked) < row_bytes * height:
        raise _damaged(f"holds {len(unpacked)} of {row_bytes * height} bytes")
    lines = np.frombuffer(unpacked, np.uint8, row_bytes * height).reshape(height, row_bytes)
    if layout.bits == 16:
        wide = lines.view(f"{order}u2").astype(np.uint16)
        block: Samples = wide.reshape(height, layout.block[0], layout.in_block)
    elif layout.bits == 8:
        block = lines.reshape(height, layout.block[0], layout.in_block)
    else:
        block = _unpacked(lines, layout.bits, values).reshape(height, layout.block[0], layout.in_block)
    if layout.has_differences:
        block = cast("Samples", np.cumsum(block, axis=1, dtype=block.dtype))
    return block


def _unpacked(lines: NDArray[np.uint8], bits: int, values: int) -> Samples:
    """Values with a number of bits that is not a whole number of bytes; each row begins with a byte."""
    out = np.empty((len(lines), values), np.uint8 if bits < 8 else np.uint16)
    weights = 1 << np.arange(bits - 1, -1, -1)
    for first in range(0, len(lines), _ROWS_AT_ONCE):
        some = np.unpackbits(lines[first : first + _ROWS_AT_ONCE], axis=1)[:, : values * bits]
        out[first : first + _ROWS_AT_ONCE] = some.reshape(len(some), values, bits) @ weights
    return out


def _decompressed(content: bytes, compression: int, row_bytes: int, height: int) -> bytes:
    """Decompress a strip, to no more bytes than are needed, or to fewer if it is damaged."""
    needed = row_bytes * height
    try:
        if compression in (_DEFLATE, _OLD_DEFLATE):
            return zlib.decompressobj().decompress(content, needed)
        if compression == _LZMA:
            return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY).decompress(content, needed)
    except (zlib.error, lzma.LZMAError, EOFError) as error:
        raise _damaged(f"cannot be decompressed: {error}") from error
    return content if compression == _NONE else _by_libtiff(content, compression, row_bytes, height)


def _by_libtiff(content: bytes, compression: int, row_bytes: int, height: int) -> bytes:
    """Decompress a strip as the bytes of a grey picture."""
    tags = [(256, 4, row_bytes), (257, 4, height), (258, 3, 8), (259, 3, compression), (262, 3, 1)]
    tags += [(273, 4, 0), (277, 3, 1), (278, 4, height), (279, 4, len(content))]
    start = 8 + 2 + 12 * len(tags) + 4
    rows = [struct.pack("<HHII", tag, kind, 1, start if tag == 273 else value) for tag, kind, value in tags]
    header = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + b"".join(rows) + bytes(4)
    return _by_pillow(header + content, "L").tobytes()


def _by_pillow(tiff: bytes, mode: str) -> Rgb8:
    """Decode a TIFF whose size has been checked; Pillow applies its orientation tag."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of size and damaged tags
            with Image.open(io.BytesIO(tiff)) as image:
                return np.array(image.convert(mode), np.uint8)
    except (OSError, ValueError, SyntaxError, TypeError, Image.DecompressionBombError) as error:
        raise _damaged(f"cannot be decompressed: {error}") from error


def _full_range(values: Samples, bits: int) -> Samples:
    """Scale values of 1, 2 or 4 bits to 8, and of 10, 12 or 14 bits to 16."""
    if bits < 8:
        return (values * (255 // ((1 << bits) - 1))).astype(np.uint8)
    if 8 < bits < 16:
        wide = values.astype(np.uint32)
        return ((wide << (16 - bits)) | (wide >> (2 * bits - 16))).astype(np.uint16)
    return values


def _from_palette(tiff: Tiff, directory: Directory, layout: Layout, indices: NDArray[np.generic]) -> Rgb:
    entries = tiff.values(directory, _COLOR_MAP).astype(np.uint16)
    if len(entries) != 3 << layout.bits:
        raise Broken(Reason.CORRUPT_INPUT, f"has a palette of {len(entries) // 3} colours")
    colors = entries.reshape(3, -1).T
    small = (colors >> 8 if (colors > 255).any() else colors).astype(np.uint8)
    return cast("Rgb", small[indices])
