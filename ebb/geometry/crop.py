"""The common crop: the largest rectangle of wide pixels that the shallow photo covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.arrays import Rect
from ebb.errors import Reason, Rejected
from ebb.geometry.homography import apply, resizing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Homography, Size

ROUNDING_PX = 1e-6
"""Slack for rounding errors, so that the identity keeps the whole frame."""

FIRST_BLOCK = 256
"""Columns in a block of the search before it is split."""


def common_crop(H_shallow_to_wide: Homography, wide: Size, shallow: Size, margin_px: float = 0.0) -> Rect:
    """Find the largest axis-aligned rectangle of whole wide pixels that lies inside both photos.

    Every pixel centre of the rectangle, mapped back, falls between the first and the last pixel centre of
    the shallow photo. The region where that holds is convex, so a rectangle is inside when its corners are,
    and the search over its left and right column is exact.

    Args:
        H_shallow_to_wide: Maps shallow pixels to wide pixels.
        wide: Size of the wide photo.
        shallow: Size of the shallow photo.
        margin_px: Also stay this far, in shallow pixels, from the edge of the shallow photo: the reach of
            the interpolation kernel.

    Returns:
        The rectangle; of several largest ones the one furthest left.

    Raises:
        Rejected: ``low_overlap``, when no wide pixel lies inside the shallow photo.
    """
    top, bottom = _rows_inside(H_shallow_to_wide, wide, shallow, margin_px)
    rect = _largest_rectangle(top, bottom)
    if rect is None:
        raise Rejected(
            Reason.LOW_OVERLAP,
            "the shallow photo covers no pixel of the wide photo",
            measurements={"overlap": 0.0},
        )
    return rect


def overlap(rect: Rect, wide: Size) -> float:
    """Share of the wide photo that the rectangle covers, 0 … 1."""
    return rect.width * rect.height / (wide.width * wide.height)


def crop_to_photo(crop: Rect, size: Size) -> Homography:
    """Map pixels of the stored photo to pixels of the full-size photo it was cut from.

    Args:
        crop: The rectangle that was cut, in full-size pixels.
        size: Size it is stored at.
    """
    enlarging = resizing((crop.width / size.width, crop.height / size.height))
    enlarging[:2, 2] += crop.x, crop.y
    return enlarging


def _rows_inside(
    H: Homography, wide: Size, shallow: Size, margin_px: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last row inside the shallow photo for each wide column; first > last where none is.

    With (u, v, w) = H⁻¹(x, y, 1) the bounds low ≤ u/w ≤ high are linear in (x, y) wherever w > 0, so each
    edge of the shallow frame is a half-plane a·x + b·y + c ≥ 0.
    """
    u, v, w = _inverse_with_positive_depth(H, shallow)
    last_x, last_y = shallow.width - 1 - margin_px, shallow.height - 1 - margin_px
    slack = margin_px - ROUNDING_PX
    half_planes = [u - slack * w, (last_x + ROUNDING_PX) * w - u, v - slack * w]
    half_planes += [(last_y + ROUNDING_PX) * w - v, w]
    x = np.arange(wide.width, dtype=np.float64)
    top = np.zeros(wide.width)
    bottom = np.full(wide.width, wide.height - 1.0)
    for a, b, c in half_planes:
        rest = a * x + c
        with np.errstate(over="ignore"):  # a tiny b puts the edge beyond any frame: infinity says so
            if b > 0:
                top = np.maximum(top, -rest / b)
            elif b < 0:
                bottom = np.minimum(bottom, -rest / b)
            else:
                bottom = np.where(rest >= 0, bottom, -1.0)
    first = np.ceil(np.minimum(top, wide.height)).astype(np.int64)
    last = np.floor(np.maximum(bottom, -1.0)).astype(np.int64)
    return first, last


def _inverse_with_positive_depth(H: Homography, shallow: Size) -> NDArray[np.float64]:
    """H⁻¹ with the sign that makes its third coordinate positive where the shallow photo lies."""
    inverse = np.linalg.inv(H)
    centre = apply(H, np.array([[(shallow.width - 1) / 2, (shallow.height - 1) / 2]]))[0]
    return np.asarray(inverse * np.sign(inverse[2] @ (*centre, 1.0)))


def _largest_rectangle(top: NDArray[np.int64], bottom: NDArray[np.int64]) -> Rect | None:
    """Branch and bound over the left and the right column; None when every column is empty.

    Starts from pairs of blocks of columns. A pair whose upper bound is below a rectangle already seen is
    dropped, the others are split, down to single columns, where the bound is the area itself.
    """
    padding = -len(top) % FIRST_BLOCK
    top = np.pad(top, (0, padding), constant_values=int(top.max(initial=0)) + 1)
    bottom = np.pad(bottom, (0, padding), constant_values=-1)
    size = FIRST_BLOCK
    left, right = (block.ravel() for block in np.indices((len(top) // size,) * 2))
    while True:
        bound = _upper_bound(top, bottom, size, left, right)
        if size == 1:
            break
        middle = size // 2
        seen = _area(top, bottom, left * size + middle, right * size + middle).max()
        left, right = _split(left[bound >= seen], right[bound >= seen])
        size //= 2
    best = np.lexsort((right, left, -bound))[0]
    if bound[best] < 1:
        return None
    x, last_x = int(left[best]), int(right[best])
    y, last_y = int(max(top[x], top[last_x])), int(min(bottom[x], bottom[last_x]))
    return Rect(x, y, last_x - x + 1, last_y - y + 1)


def _upper_bound(
    top: NDArray[np.int64],
    bottom: NDArray[np.int64],
    size: int,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Area that no rectangle from a column of block ``left`` to one of block ``right`` exceeds."""
    highest = top.reshape(-1, size).min(axis=1)
    lowest = bottom.reshape(-1, size).max(axis=1)
    width = (right - left + 1) * size
    height = np.minimum(lowest[left], lowest[right]) - np.maximum(highest[left], highest[right]) + 1
    return np.asarray(np.maximum(width, 0) * np.maximum(height, 0))


def _area(
    top: NDArray[np.int64], bottom: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Area of the rectangle from column ``left`` to column ``right``."""
    return _upper_bound(top, bottom, 1, left, right)


def _split(left: NDArray[np.int64], right: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Halve the blocks: four pairs for one, less those whose right block lies left of the left one."""
    left = (2 * left[:, None] + (0, 0, 1, 1)).ravel()
    right = (2 * right[:, None] + (0, 1, 0, 1)).ravel()
    return left[left <= right], right[left <= right]
