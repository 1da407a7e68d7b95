"""Sheets of horizontal bands of a photo, which bound the memory for large photos."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.bokeh.inpainting import EDGE_SLOPE, Surfaces, find_surfaces
from ebb.bokeh.sheets import sheets_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import RgbLinear
    from ebb.bokeh.sheets import Sheets

BAND_PX = 2_500_000
"""Pixels of a band, which holds at least one row of tiles."""
NEARBY_PX = 16
"""Distance from which matting and inpainting take colours, in pixels."""


class Border(NamedTuple):
    """Width of the border around a band in pixels; it is mirrored where the photo ends."""

    top: int
    bottom: int
    left: int
    right: int


def rows_per_band(width: int, step: int) -> int:
    """Rows of tiles in a band of a photo; ``step`` is the distance between rows of tiles in pixels."""
    return max(1, BAND_PX // (width * step))


def sheets_of_band(
    photo: RgbLinear,
    coc: NDArray[np.float32],
    planes: NDArray[np.float64],
    rows: tuple[int, int],
    frame: Border,
    light_px: int,
) -> Sheets:
    """Surfaces of some rows of a photo, with a border.

    The surfaces are found in a larger part of the photo, such that they are those of the whole photo.

    Args:
        photo: (H, W, 3), linear light.
        coc: (H, W), signed blur diameter in pixels.
        planes: Signed coc of each plane of the whole photo, nearest first.
        rows: First row and the row after the last; either may be outside the photo.
        frame: Border.
        light_px: Width in pixels below which highlights are small, at most that of the border.
    """
    height = len(photo)
    first, last = max(rows[0] - frame.top, 0), min(rows[1] + frame.bottom, height)
    reach = math.ceil(float(np.ptp(planes)) / EDGE_SLOPE) + NEARBY_PX
    above, below = min(first, reach), min(height - last, reach)
    around = slice(first - above, last + below)
    found = find_surfaces(photo[around], coc[around])
    rows_found = slice(above, above + last - first)
    part = Surfaces(*(array[rows_found] for array in found))  # type: ignore[arg-type]
    missing = (first - (rows[0] - frame.top), rows[1] + frame.bottom - last)
    return sheets_of(part, planes, (*missing, frame.left, frame.right), light_px)
