"""The depth that the lens is focused on: of a point, of a mask, given, or found."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.bokeh.focus import estimate_focus
from ebb.errors import InvalidInput, UsageError
from ebb_train.inference.lens_settings import is_share

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Mask, Size

POINT_RADIUS = 0.004
"""Half the side of the square around a point whose median depth counts, as a share of the longer side."""
SAME_DEPTH = 0.03
"""Largest difference in depth between the focus and the point that is named for it."""


class ChosenFocus(NamedTuple):
    """Where the lens is focused."""

    depth: float
    """0, farthest, to 1, nearest."""
    how: str
    """For people."""
    point: tuple[int, int] | None = None
    """A place of this depth: (x, y) in pixels of the upright photo."""


def focus_at(
    depth: InverseDepth, point: tuple[float, float], photo: Size, path: Path | None = None
) -> ChosenFocus:
    """The depth of a point: the median of a small square around it.

    Args:
        depth: (H, W), in [0, 1].
        point: (x, y), in pixels of the photo, or in shares of its sides if both are below 1.
        photo: Size of the upright photo, which may be larger than the map.
        path: The photo, for the message.

    Raises:
        UsageError: the point is outside the photo.
    """
    x, y = (value * side for value, side in zip(point, photo, strict=True)) if is_share(point) else point
    if not (0 <= x < photo.width and 0 <= y < photo.height):
        size = f"{photo.width} x {photo.height}"
        message = f"the focus {x:g},{y:g} is outside the photo of {size} pixels"
        raise UsageError(message, path=path, hint="x,y from 0,0")
    height, width = depth.shape
    column, row = int(x * width / photo.width), int(y * height / photo.height)
    reach = round(POINT_RADIUS * max(height, width))
    around = depth[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
    return ChosenFocus(float(np.median(around)), "the point given", (int(x), int(y)))


def focus_on(
    depth: InverseDepth, mask: NDArray[np.float32], photo: Size, path: Path | None = None
) -> ChosenFocus:
    """The median depth of a subject.

    Args:
        depth: (H, W), in [0, 1].
        mask: (h, w) of any size, the photo's field of view: 1 on the subject, 0 elsewhere.
        photo: Size of the upright photo.
        path: The file of the mask, for the message.

    Raises:
        InvalidInput: the mask has no white.
    """
    import cv2

    size = (depth.shape[1], depth.shape[0])
    subject = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR)) > 0.5
    if not subject.any():
        hint = "paint the subject white on black"
        raise InvalidInput("the mask of the focus has no white", path=path, hint=hint)
    value = float(np.median(depth[subject]))
    return ChosenFocus(value, "the median depth of the mask", _place(depth, value, photo, subject))


def find_focus(depth: InverseDepth, photo: Size) -> ChosenFocus:
    """The depth of the largest thing near the centre, the nearer one of two (:mod:`ebb.bokeh.focus`).

    Args:
        depth: (H, W), in [0, 1].
        photo: Size of the upright photo.
    """
    value = estimate_focus(np.rint(depth * 255).astype(np.uint8))
    return ChosenFocus(value, "found automatically", _place(depth, value, photo, np.ones(depth.shape, bool)))


def _place(depth: InverseDepth, value: float, photo: Size, allowed: Mask) -> tuple[int, int]:
    """The pixel nearest to the centre with about this depth, in pixels of the photo."""
    height, width = depth.shape
    wrong = np.where(allowed, np.abs(depth - value), np.inf)
    rows, columns = np.nonzero(wrong <= max(SAME_DEPTH, float(wrong.min())))
    distance = np.hypot((rows + 0.5) / height - 0.5, (columns + 0.5) / width - 0.5)
    best = int(np.argmin(distance))
    x, y = (columns[best] + 0.5) / width, (rows[best] + 0.5) / height
    return int(x * photo.width), int(y * photo.height)
