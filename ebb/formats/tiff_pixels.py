"""Pixels of a TIFF: photos as RGB, and images of numbers as they are stored.

JPEG inside TIFF is decoded by Pillow as a whole, since libtiff converts the colours, from a copy with no tags
other than those of the layout: Pillow would rotate the photo by its orientation tag or its XMP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ebb.errors import Broken, Reason
from ebb.formats.tiff_blocks import by_pillow, damaged, read_samples
from ebb.formats.tiff_layout import (
    CHANNELS,
    COLOR_MAP,
    JPEG,
    PALETTE,
    STRIPS,
    TILES,
    WHITE_IS_ZERO,
    blocks,
    number_layout,
    refused,
    tiff_layout,
)
from ebb.formats.tiff_reader import Tiff, photo_directory

if TYPE_CHECKING:
    from ebb.arrays import Rgb
    from ebb.formats.tiff_blocks import Samples
    from ebb.formats.tiff_layout import Layout
    from ebb.formats.tiff_reader import Directory

_JPEG_TAGS = frozenset(
    {*range(256, 260), 262, 266, 277, 278, 284, 322, 323, 339, 347, *range(529, 533), *STRIPS, *TILES}
)
"""Tags of size, layout and JPEG tables, and those of YCbCr."""


def decode_tiff(data: bytes) -> Rgb:
    """Decode the photo of a TIFF in its stored orientation.

    Returns:
        (height, width, 3), uint8 for up to 8 bits per sample, otherwise uint16, scaled to their full range;
        grey is converted to RGB, and extra samples are dropped.

    Raises:
        Broken: as for :func:`~ebb.formats.tiff_layout.tiff_layout`, and ``corrupt_input`` if strips or tiles
            are missing or damaged.
    """
    tiff = Tiff(data)
    directory = photo_directory(tiff)
    layout = tiff_layout(tiff, directory)
    if layout.compression == JPEG:
        return cast("Rgb", _from_jpegs(tiff, directory, layout, "RGB"))
    # The last sample that is kept may be an alpha channel.
    kept = min(layout.num_samples, CHANNELS[layout.photometric] + layout.is_premultiplied)
    samples = read_samples(tiff, directory, layout, kept)
    if layout.is_premultiplied and (samples[..., -1] != (1 << layout.bits) - 1).any():
        raise refused("colours multiplied by an alpha channel")
    if layout.photometric == PALETTE:
        return _from_palette(tiff, directory, layout, samples[..., 0])
    colors = _full_range(samples[..., : CHANNELS[layout.photometric]], layout.bits)
    if layout.photometric == WHITE_IS_ZERO:
        colors = np.iinfo(colors.dtype).max - colors
    return cast("Rgb", np.ascontiguousarray(np.broadcast_to(colors, (*colors.shape[:2], 3))))


def decode_numbers(data: bytes) -> Samples:
    """Decode the numbers of a TIFF, such as a depth map, as stored: not rotated, inverted or scaled.

    Returns:
        (height, width), or (height, width, samples) if a pixel has several, of the type in the file; JPEG as
        uint8, grey or RGB.

    Raises:
        Broken: as for :func:`~ebb.formats.tiff_layout.number_layout`, and ``corrupt_input`` if strips or
            tiles are missing or damaged.
    """
    tiff = Tiff(data)
    directory = photo_directory(tiff)
    layout = number_layout(tiff, directory)
    if layout.compression == JPEG:
        return _from_jpegs(tiff, directory, layout, "L" if layout.num_samples == 1 else "RGB")
    samples = read_samples(tiff, directory, layout, layout.num_samples)
    return samples[..., 0] if layout.num_samples == 1 else samples


def _from_jpegs(tiff: Tiff, directory: Directory, layout: Layout, mode: str) -> Samples:
    """Decode JPEG strips or tiles; each must be a complete JPEG, because libtiff pads truncated ones."""
    offsets, lengths = blocks(tiff, directory, layout)
    for offset, length in zip(offsets.tolist(), lengths.tolist(), strict=True):
        content = tiff.part(offset, length)
        if not content.startswith(b"\xff\xd8") or b"\xff\xd9" not in content[-16:]:
            raise damaged("is a truncated JPEG")
    return by_pillow(tiff.with_only(directory, _JPEG_TAGS), mode)


def _full_range(values: Samples, bits: int) -> Samples:
    """Scale values of 1, 2 or 4 bits to 8, and of 10, 12 or 14 bits to 16, in place."""
    if bits < 8:
        values *= 255 // ((1 << bits) - 1)
    elif 8 < bits < 16:
        low = values >> (2 * bits - 16)
        values <<= 16 - bits
        values |= low
    return values


def _from_palette(tiff: Tiff, directory: Directory, layout: Layout, indices: Samples) -> Rgb:
    entries = tiff.values(directory, COLOR_MAP).astype(np.uint16)
    if len(entries) != 3 << layout.bits:
        raise Broken(Reason.CORRUPT_INPUT, f"has a palette of {len(entries) // 3} colours")
    colors = entries.reshape(3, -1).T
    small = (colors >> 8 if (colors > 255).any() else colors).astype(np.uint8)
    return cast("Rgb", small[indices])
