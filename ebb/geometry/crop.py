"""Common crop: the largest rectangle of the wide photo that the shallow photo covers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.arrays import Rect, Size
from ebb.errors import Reason, Rejected
from ebb.geometry.homography import apply
from ebb.geometry.pixel_grid import resize_homography

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ebb.arrays import Homography

ROUNDING_PX = 1e-6
"""Tolerance for rounding errors, with which the identity keeps the whole frame."""

FIRST_BLOCK = 256
"""Initial block size of the search, in columns."""


class Covering(NamedTuple):
    """A shallow photo over the wide one."""

    H_shallow_to_wide: Homography
    """Homography from its pixels to wide pixels."""
    size: Size
    margin_px: float = 0.0
    """Minimum distance of the crop from its edge, in its pixels."""


def common_crop(H_shallow_to_wide: Homography, wide: Size, shallow: Size, margin_px: float = 0.0) -> Rect:
    """Largest axis-aligned rectangle of whole pixels of the wide photo that is inside both photos.

    All pixel centres of the rectangle map to positions between the first and last pixel centres of the
    shallow photo. This region is convex, so that a rectangle is inside if its corners are, and the search
    over its left and right columns is exact.

    Args:
        H_shallow_to_wide: Homography from shallow pixels to wide pixels.
        wide: Size of the wide photo.
        shallow: Size of the shallow photo.
        margin_px: Minimum distance from the edge of the shallow photo in shallow pixels, for the support of
            the interpolation kernel.

    Returns:
        The rectangle; if there are several of the largest area, the leftmost.

    Raises:
        Rejected: ``low_overlap``: no pixel of the wide photo is inside the shallow photo.
    """
    return crop_of_all(wide, [Covering(H_shallow_to_wide, shallow, margin_px)])


def crop_of_all(wide: Size, photos: Sequence[Covering]) -> Rect:
    """Largest rectangle of the wide photo that all of several shallow photos cover; see :func:`common_crop`.

    Args:
        wide: Size of the wide photo.
        photos: The shallow photos, at least one.

    Raises:
        Rejected: ``low_overlap``: no pixel of the wide photo is inside all of them.
    """
    inside = [_rows_inside(photo.H_shallow_to_wide, wide, photo.size, photo.margin_px) for photo in photos]
    tops, bottoms = zip(*inside, strict=True)
    rect = _largest_rectangle(np.max(tops, axis=0), np.min(bottoms, axis=0))
    if rect is None:
        raise Rejected(
            Reason.LOW_OVERLAP,
            "the shallow photo covers no pixel of the wide photo",
            measurements={"overlap": 0.0},
        )
    return rect


def even(rect: Rect) -> Rect:
    """The rectangle with even sides, cut at the right and at the bottom."""
    return Rect(rect.x, rect.y, rect.width // 2 * 2, rect.height // 2 * 2)


def overlap(rect: Rect, wide: Size) -> float:
    """Fraction of the wide photo covered by the rectangle, in [0, 1]."""
    return rect.width * rect.height / (wide.width * wide.height)


def crop_to_photo(crop: Rect, size: Size) -> Homography:
    """Homography from pixels of a resized crop to pixels of the photo.

    Args:
        crop: The crop in pixels of the photo.
        size: Size of the resized crop.
    """
    H = resize_homography((crop.width / size.width, crop.height / size.height))
    H[:2, 2] += crop.x, crop.y
    return H


def stored_size(crop: Rect, height: int) -> Size:
    """Size of the stored photos: the given height, the aspect ratio of the common crop, even width.

    Args:
        crop: The common crop.
        height: Height of the stored photos, even; 0: that of the crop.

    Raises:
        Rejected: ``too_small``: the crop is lower than ``height``; photos are never enlarged.
    """
    if not height:
        return Size(crop.width, crop.height)
    if crop.height < height:
        raise Rejected(
            Reason.TOO_SMALL,
            f"the common crop is {crop.width} x {crop.height}, lower than {height}; "
            f"use --height {crop.height // 2 * 2} or less",
        )
    return Size(2 * round(crop.width * height / crop.height / 2), height)


def _rows_inside(
    H: Homography, wide: Size, shallow: Size, margin_px: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last row inside the shallow photo for each wide column; first > last if there is none.

    With (u, v, w) = H⁻¹(x, y, 1), the bounds low ≤ u/w ≤ high are linear in (x, y) for w > 0, so that each
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
        with np.errstate(over="ignore"):  # for a tiny b the edge is beyond any frame
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
    """H⁻¹ with the sign for which its third coordinate is positive inside the shallow photo."""
    inverse = np.linalg.inv(H)
    centre = apply(H, np.array([[(shallow.width - 1) / 2, (shallow.height - 1) / 2]]))[0]
    return np.asarray(inverse * np.sign(inverse[2] @ (*centre, 1.0)))


def _largest_rectangle(top: NDArray[np.int64], bottom: NDArray[np.int64]) -> Rect | None:
    """Largest rectangle by branch and bound over its left and right columns; None if all are empty.

    The search starts with pairs of blocks of columns. Pairs whose upper bound is below a known area are
    discarded; the others are split until blocks are single columns, where the bound equals the area.
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
    """Upper bound of the area of rectangles from a column of block ``left`` to one of block ``right``."""
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
    """Split each pair of blocks into four, without those whose right block is left of the left block."""
    left = (2 * left[:, None] + (0, 0, 1, 1)).ravel()
    right = (2 * right[:, None] + (0, 1, 0, 1)).ravel()
    return left[left <= right], right[left <= right]
