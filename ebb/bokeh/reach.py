"""Lower envelope of cones: which pixels a neighbour reaches whose value is lower by more than a slope."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def cone_minimum(values: NDArray[np.float32], slope: float) -> NDArray[np.float32]:
    """Minimum over y of values(y) + slope · |x − y|, with the 3 × 3 chamfer distance (1 and √2).

    The cone is the infimal convolution of its straight and diagonal directions, which are swept one after the
    other, as in the distance transform of Borgefors ("Distance transformations in digital images", CVGIP
    1986). The time is linear in the number of pixels and does not depend on the values.

    Args:
        values: (H, W), finite.
        slope: Increase per pixel, > 0.

    Returns:
        (H, W); where no neighbour is lower by more than the slope, the values themselves.
    """
    if not _is_steep(values, slope):
        return values
    lowest = np.array(values, np.float32, order="C")
    _sweep_rows(lowest, slope)
    _sweep_rows(lowest[::-1], slope)
    turned = np.ascontiguousarray(lowest.T)
    _sweep_straight(turned, slope)
    _sweep_straight(turned[::-1], slope)
    return np.ascontiguousarray(turned.T)


def _is_steep(values: NDArray[np.float32], slope: float) -> bool:
    """Whether any two neighbours, also diagonal ones, differ by more than the slope."""
    import cv2

    nearby = np.asarray(cv2.erode(values, np.ones((3, 3), np.uint8)), np.float32)
    return bool((nearby + np.float32(slope) < values).any())


def _sweep_rows(lowest: NDArray[np.float32], slope: float) -> None:
    """Lower each row to the three neighbours in the row before, in place."""
    straight, diagonal = np.float32(slope), np.float32(slope * math.sqrt(2))
    raised = np.empty(lowest.shape[1], np.float32)
    before = lowest[0]
    for row in lowest[1:]:
        np.add(before, straight, out=raised)
        np.minimum(row, raised, out=row)
        np.add(before, diagonal, out=raised)
        np.minimum(row[1:], raised[:-1], out=row[1:])
        np.minimum(row[:-1], raised[1:], out=row[:-1])
        before = row


def _sweep_straight(lowest: NDArray[np.float32], slope: float) -> None:
    """Lower each row to the row before, in place."""
    straight = np.float32(slope)
    raised = np.empty(lowest.shape[1], np.float32)
    before = lowest[0]
    for row in lowest[1:]:
        np.add(before, straight, out=raised)
        np.minimum(row, raised, out=row)
        before = row
