"""Array types with their layout and range."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Rgb: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""(height, width, 3), sRGB-encoded, upright; 8 bit from JPEG and PNG, 16 bit from RAW."""

Rgb8: TypeAlias = NDArray[np.uint8]
"""(height, width, 3), sRGB-encoded, 0…255."""

Gray8: TypeAlias = NDArray[np.uint8]
"""(height, width), 0…255."""

RgbLinear: TypeAlias = NDArray[np.float32]
"""(height, width, 3), linear light, sRGB primaries; 1 is diffuse white, highlights go above."""

InverseDepth: TypeAlias = NDArray[np.float32]
"""(height, width), relative inverse depth, larger is nearer; defined up to scale and offset."""

Homography: TypeAlias = NDArray[np.float64]
"""(3, 3), applied to column vectors (x, y, 1); pixel centres are at integers."""

Points2d: TypeAlias = NDArray[np.float32]
"""(N, 2), rows of (x, y); pixel centres are at integers."""

Descriptors: TypeAlias = NDArray[np.float32]
"""(N, 128), one row of unit length per keypoint."""

Mask: TypeAlias = NDArray[np.bool_]
"""Boolean array of any shape."""


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


class Rect(NamedTuple):
    """Axis-aligned rectangle of whole pixels: columns x … x + width − 1, rows y … y + height − 1."""

    x: int
    y: int
    width: int
    height: int
