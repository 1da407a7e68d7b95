"""Storage layouts of the pixels of a TIFF: supported ones are read, others are refused with their name.

Source: Adobe, *TIFF Revision 6.0*, 1992, and *TIFF Technical Notes* of 1995, 2002 and 2005.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from ebb.errors import Broken, Reason
from ebb.formats.tiff_reader import MAX_VALUES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ebb.arrays import Size
    from ebb.formats.tiff_reader import Directory, Tiff

COLOR_MAP, STRIPS, TILES = 320, (273, 279), (324, 325)
_BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 258, 259, 262, 266
_SAMPLES, _ROWS_PER_STRIP = 277, 278
_PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT = 284, 317, 322, 323
_EXTRA_SAMPLES, _SAMPLE_FORMAT = 338, 339

NONE, LZW, JPEG, DEFLATE, PACKBITS, OLD_DEFLATE, LZMA = 1, 5, 7, 8, 32773, 32946, 34925
_WITH_DIFFERENCES = frozenset({LZW, DEFLATE, OLD_DEFLATE, LZMA})
_COMPRESSIONS = frozenset({NONE, JPEG, PACKBITS}) | _WITH_DIFFERENCES
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
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, YCBCR = 0, 1, 2, 3, 6
CHANNELS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, YCBCR: 3}
"""Photometric interpretation → number of samples of a pixel that describe its colour."""
_OTHER_COLORS = {
    5: "CMYK",
    8: "CIE L*a*b*",
    9: "ICC L*a*b*",
    10: "ITU L*a*b*",
    32844: "LogL",
    32845: "LogLuv",
}
_SENSOR_DATA = (32803, 34892)
_PHOTO_BITS = (1, 2, 4, 8, 10, 12, 14, 16)
_NUMBER_BITS = {"u": (8, 16, 32, 64), "i": (8, 16, 32, 64), "f": (16, 32, 64)}
_KINDS: dict[int, Literal["u", "i", "f"]] = {1: "u", 2: "i", 3: "f", 4: "u"}
"""SampleFormat → kind of number. Undefined formats (4) count as unsigned, as the specification suggests."""
_KIND_NAMES = {"i": "signed", "f": "floating point"}
_MAX_SAMPLES = 8
_ASSOCIATED_ALPHA = 1
_LARGEST_TILE = 1 << 22
_LONGEST_SIDE = 1 << 20
"""The limit of OpenCV, which decodes the other formats."""


class Layout(NamedTuple):
    """Storage layout of the pixels of an image; supported layouts only."""

    size: Size
    kind: Literal["u", "i", "f"]
    """Unsigned, signed or floating point."""
    bits: int
    num_samples: int
    photometric: int
    compression: int
    planes: int
    """1, or the number of samples if each has separate strips or tiles."""
    block: tuple[int, int]
    """Columns and rows of a strip or tile."""
    is_tiled: bool
    predictor: int
    """1: none; 2: differences between neighbouring values; 3: between the bytes of floating-point values."""
    is_reversed: bool
    """Whether the first pixel of a byte is in its lowest bits."""
    is_premultiplied: bool

    @property
    def in_block(self) -> int:
        """Number of interleaved samples of a pixel in a block."""
        return self.num_samples if self.planes == 1 else 1

    @property
    def row_bytes(self) -> int:
        """Bytes of one decompressed row of a strip or tile."""
        return -(-self.block[0] * self.in_block * self.bits // 8)


def tiff_layout(tiff: Tiff, directory: Directory) -> Layout:
    """Read the layout of a photo.

    Raises:
        Broken: ``unsupported_pixels`` or ``unsupported_color``, with the name of the unsupported feature;
            ``corrupt_input`` if the tags contradict each other.
    """
    layout = _layout(tiff, directory)
    if layout.kind != "u":
        raise refused(f"{_KIND_NAMES[layout.kind]} pixels of {layout.bits} bits")
    if layout.bits not in _PHOTO_BITS:
        raise refused(f"{layout.bits} bits per sample")
    return _checked(layout)


def number_layout(tiff: Tiff, directory: Directory) -> Layout:
    """Read the layout of an image of numbers of whole bytes, such as a depth map.

    Raises:
        Broken: as for :func:`tiff_layout`; also for palettes, and for numbers of which 0 is white, because
            programs disagree on whether to invert them.
    """
    layout = _layout(tiff, directory)
    if layout.bits not in _NUMBER_BITS[layout.kind]:
        name = f"{_KIND_NAMES[layout.kind]} pixels of " if layout.kind != "u" else ""
        raise refused(f"{name}{layout.bits} bits" + ("" if name else " per sample"))
    if layout.photometric == PALETTE:
        raise refused("a palette")
    if layout.photometric == WHITE_IS_ZERO:
        raise refused("numbers of which 0 is white (WhiteIsZero): write 0 as black")
    return _checked(layout)


def _layout(tiff: Tiff, directory: Directory) -> Layout:
    size, samples = tiff.size(directory), tiff.value(directory, _SAMPLES, 1)
    photometric, compression = _colors(tiff, directory), tiff.value(directory, _COMPRESSION, NONE)
    if not CHANNELS[photometric] <= samples <= _MAX_SAMPLES:
        raise Broken(Reason.CORRUPT_INPUT, f"claims {samples} samples per pixel")
    if compression not in _COMPRESSIONS:
        raise refused(f"compression {compression} ({_COMPRESSION_NAMES.get(compression, 'unknown')})")
    if max(size) > _LONGEST_SIDE:
        raise refused(f"{size.width} x {size.height} pixels, a side of more than {_LONGEST_SIDE},")
    kind, bits = _numbers(tiff, directory)
    extra = tiff.values(directory, _EXTRA_SAMPLES, 1).tolist()
    return Layout(
        size,
        kind,
        bits,
        samples,
        photometric,
        compression,
        samples if tiff.value(directory, _PLANAR, 1) == 2 else 1,
        block_size(tiff, directory, size),
        _TILE_WIDTH in directory,
        tiff.value(directory, _PREDICTOR, 1),
        tiff.value(directory, _FILL_ORDER, 1) == 2,
        extra == [_ASSOCIATED_ALPHA],
    )


def _checked(layout: Layout) -> Layout:
    """Check the layout, and remove a predictor that its compression ignores.

    Raises:
        Broken: ``unsupported_pixels`` if features cannot be combined.
    """
    is_float = layout.kind == "f"
    bits, predictor, samples = layout.bits, layout.predictor, layout.num_samples
    if predictor not in (1, 2, 3) or (predictor == 2 and bits % 8) or (predictor == 3 and not is_float):
        raise refused(f"predictor {predictor} with {bits} bits")
    if layout.compression == JPEG:
        in_planes = layout.planes != 1
        if (layout.kind, bits) != ("u", 8) or in_planes or samples != CHANNELS[layout.photometric]:
            raise refused(f"JPEG of {samples} samples of {bits} bits" + (", in planes" if in_planes else ""))
    if layout.photometric == YCBCR and layout.compression != JPEG:
        raise refused("YCbCr without JPEG")
    return layout if layout.compression in _WITH_DIFFERENCES else layout._replace(predictor=1)


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
    is_large = columns * rows > max(_LARGEST_TILE, 4 * size.width * size.height)
    if not columns * rows or is_large or max(columns, rows) > _LONGEST_SIDE:
        raise Broken(Reason.CORRUPT_INPUT, f"claims tiles of {columns} x {rows} pixels")
    return columns, rows


def blocks(tiff: Tiff, directory: Directory, layout: Layout) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Offsets and lengths of the strips or tiles, plane by plane, row by row.

    Raises:
        Broken: ``corrupt_input`` if there are fewer than the image needs, or far too many.
    """
    columns, rows = layout.block
    needed = -(-layout.size.width // columns) * -(-layout.size.height // rows) * layout.planes
    if needed > MAX_VALUES:
        raise Broken(Reason.CORRUPT_INPUT, f"claims {needed} strips or tiles")
    tags = TILES if layout.is_tiled else STRIPS
    offsets, lengths = (tiff.values(directory, tag, needed) for tag in tags)
    if min(len(offsets), len(lengths)) < needed:
        found = min(len(offsets), len(lengths))
        raise Broken(Reason.CORRUPT_INPUT, f"has {found} of {needed} strips or tiles")
    return offsets, lengths


def refused(what: str) -> Broken:
    """The error for a feature that is not supported."""
    return Broken(Reason.UNSUPPORTED_PIXELS, f"a TIFF with {what} is not supported")


def _colors(tiff: Tiff, directory: Directory) -> int:
    photometric = tiff.value(directory, _PHOTOMETRIC, BLACK_IS_ZERO)
    if photometric in _OTHER_COLORS:
        name = _OTHER_COLORS[photometric]
        raise Broken(Reason.UNSUPPORTED_COLOR, f"its colours are {name}; RGB and grey are supported")
    if photometric in _SENSOR_DATA:
        raise refused("sensor data, as of a DNG,")
    if photometric not in CHANNELS:
        raise refused(f"photometric interpretation {photometric}")
    return photometric


def _numbers(tiff: Tiff, directory: Directory) -> tuple[Literal["u", "i", "f"], int]:
    """Kind and bits per sample."""
    bits = sorted(set(tiff.values(directory, _BITS, 64).tolist())) or [1]
    formats = sorted(set(tiff.values(directory, _SAMPLE_FORMAT, 64).tolist())) or [1]
    kinds = {_KINDS.get(number, "") for number in formats}
    if "" in kinds or len(kinds) > 1:
        names = " and ".join(map(str, formats))
        raise refused(f"pixels of {bits[-1]} bits in the sample format {names}")
    if len(bits) > 1:
        raise refused(f"{' and '.join(map(str, bits))} bits per sample")
    return _KINDS[int(formats[0])], int(bits[0])
