"""Crops and value ranges of the protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.arrays import Rect
from ebb.errors import InvalidInput
from ebb_train.metrics.inputs import ImagePair

if TYPE_CHECKING:
    from ebb_train.metrics.inputs import UnitImage

BORDER_PX = 32
"""Border that PyNET's authors crop on every side before scoring."""

EBOKEHNET_HEIGHT, EBOKEHNET_WIDTH = 1024, 1440
"""Size of the centre crop of EBokehNet."""

DMSHN_HEIGHT, DMSHN_WIDTH = 1024, 1536
"""The size at which DMSHN runs."""

DIVISOR = 4
"""Sides of the crop of Bokehlicious are multiples of this."""


def whole(pair: ImagePair) -> ImagePair:
    """Return the whole pictures."""
    return pair


def without_border(pair: ImagePair) -> ImagePair:
    """The pictures without 32 px on every side.

    Raises:
        InvalidInput: nothing is left.
    """
    height, width = pair.target.shape[:2]
    if min(height, width) <= 2 * BORDER_PX:
        raise InvalidInput(f"nothing of {width} x {height} pixels is left without a border of {BORDER_PX} px")
    return _cut(pair, Rect(BORDER_PX, BORDER_PX, width - 2 * BORDER_PX, height - 2 * BORDER_PX))


def multiple_of_4(pair: ImagePair) -> ImagePair:
    """The centre, cropped to multiples of 4; an odd pixel is removed at the left or the top."""
    height, width = pair.target.shape[:2]
    left, top = (-(-(side % DIVISOR) // 2) for side in (width, height))
    return _cut(pair, Rect(left, top, width - width % DIVISOR, height - height % DIVISOR))


def in_black_bars(pair: ImagePair) -> ImagePair:
    """The central 1440 x 1024 px at most; the rest of larger pictures is black in both.

    EBokehNet's evaluation crops its input to this size and then "crops" result and target back to the size of
    the photo, which pads them with zeros; the bars count as perfect. Smaller pictures are unchanged.
    """
    height, width = pair.target.shape[:2]
    part = Rect(0, 0, min(width, EBOKEHNET_WIDTH), min(height, EBOKEHNET_HEIGHT))
    # Python's rounding of halves to even is torchvision's
    left, top = round((width - part.width) / 2), round((height - part.height) / 2)
    inner = _cut(pair, part._replace(x=left, y=top))
    spare_x, spare_y = width - part.width, height - part.height
    bars = ((spare_y // 2, spare_y - spare_y // 2), (spare_x // 2, spare_x - spare_x // 2), (0, 0))
    return ImagePair(*(np.pad(picture, bars) for picture in inner))


def in_8_bits(pair: ImagePair) -> ImagePair:
    """The pictures rounded to 8 bits, in float32, like torchvision's ``save_image``."""
    levels = (np.floor(picture.astype(np.float32) * np.float32(255) + np.float32(0.5)) for picture in pair)
    return ImagePair(*(level.astype(np.float64) / 255 for level in levels))


def resized(picture: UnitImage, width: int, height: int) -> UnitImage:
    """Resize a picture by bilinear interpolation, like ``F.interpolate``."""
    import cv2

    result = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(result, np.float64)


def _cut(pair: ImagePair, part: Rect) -> ImagePair:
    rows, columns = slice(part.y, part.y + part.height), slice(part.x, part.x + part.width)
    return ImagePair(*(np.ascontiguousarray(picture[rows, columns]) for picture in pair))
