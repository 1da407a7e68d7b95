"""Names for the arrays that travel between modules: what they hold, in which layout and range."""

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
"""(height, width), larger is nearer; only the order and the ratio of differences mean something."""

Homography: TypeAlias = NDArray[np.float64]
"""(3, 3), acts on (x, y, 1) columns; an integer (x, y) is the centre of a pixel."""

Points2d: TypeAlias = NDArray[np.float32]
"""(N, 2) rows of (x, y); an integer is the centre of a pixel."""

Descriptors: TypeAlias = NDArray[np.float32]
"""(N, 128), one unit-length row a keypoint."""

Mask: TypeAlias = NDArray[np.bool_]
"""True where something holds."""


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


class Rect(NamedTuple):
    """Axis-aligned block of whole pixels: columns x … x + width − 1, rows y … y + height − 1."""

    x: int
    y: int
    width: int
    height: int
