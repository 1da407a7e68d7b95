"""Both photos of a pair on one small grid, and tiles of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.geometry.pixel_grid import resize_homography

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Homography


TILE_PX = 32
"""Side of a tile: within one, hand-held motion is a shift to 0.1 % of its size."""

HALF = 2
"""Blur is measured on photos at half their size."""

EIGHTH = 8
"""Exposure and agreement are measured on photos at an eighth of their size."""


def blocks(photo: NDArray[Any], reduction: int) -> NDArray[np.float32]:
    """Averages over square blocks of pixels; what is left over at the right and at the bottom is cut off."""
    import cv2

    rows, columns = photo.shape[0] // reduction, photo.shape[1] // reduction
    inner = photo[: rows * reduction, : columns * reduction]
    if inner.size == 0:
        return np.zeros((rows, columns, *photo.shape[2:]), np.float32)
    return np.asarray(
        cv2.resize(inner.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA), np.float32
    )


def between_blocks(H_shallow_to_wide: Homography, reduction: int) -> Homography:
    """The same motion between the photos as :func:`blocks` makes them; integers are centres in all four."""
    full = resize_homography(float(reduction))
    return np.asarray(np.linalg.solve(full, H_shallow_to_wide @ full))


def tile_means(half: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over every tile of a plane of half the size, (rows, columns)."""
    return blocks(half, TILE_PX // HALF)
