"""How well the motion of what is in focus is known, in the direction in which it is known least.

The photos of a bare post are located across the post and not along it. Grain has slopes in every direction,
so the structure tensor of a photo claims knowledge along the post too. Here it is taken out: both photos have
grain of their own, so the structure of their difference is that of both grains together, and a quarter of it
is the grain's share of the structure of their mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.arrays import Size
from ebb.measurements import UNKNOWN_PX
from ebb.quality.grid import TILE_PX
from ebb.registration.tiles import CORRELATED, NOISE_FLOOR, moved_detail, slopes, tile_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.registration.refinement import Refinement
    from ebb.registration.tiles import Band, Plane

STANDARD_ERRORS = 3.0
"""What remains of grain after it was taken out varies from tile to tile: knowledge counts when the sum over
the tiles exceeds its standard error by this factor."""

_CHI2_MEDIAN = 1.386
"""Median of the squared length of a 2-D error of unit variance."""


def uncertainty_px(wide: Band, shallow: Band, refined: Refinement) -> float:
    """Standard deviation of the common shift of what is in focus, in the direction that is known least.

    Where tiles differ by more than their information allows, all of it counts less.

    Args:
        wide: Detail of the wide photo.
        shallow: Likewise, of any size.
        refined: The motion and the tiles of both photos.

    Returns:
        In pixels of the photos, at most 100; infinite where nothing is in focus.
    """
    chosen = refined.in_focus
    if not chosen.any():
        return np.inf
    tiles = refined.tiles.subset(chosen)
    size = Size(*(side // TILE_PX * TILE_PX for side in wide.size))
    detail = wide.detail[: size.height, : size.width]
    moved = moved_detail(shallow, refined.H_shallow_to_wide, size)
    column, row = (tiles.centres // TILE_PX).astype(np.int64).T
    known = known_of_each(detail, moved)[row, column]
    squared = np.einsum("ni,nij,nj->n", tiles.shifts, tiles.information, tiles.shifts)
    excess = max(1.0, float(np.median(squared)) / _CHI2_MEDIAN)
    return float(min(UNKNOWN_PX, np.sqrt(excess / max(least_known(known), UNKNOWN_PX**-2))))


def known_of_each(detail: Plane, moved: Plane) -> NDArray[np.float64]:
    """What each tile tells about the shift, without what grain pretends.

    Args:
        detail: (rows · 32, columns · 32), band-passed grey of the wide photo.
        moved: The same of the shallow photo, on the grid of the wide one.

    Returns:
        (rows, columns, 2, 2), inverse covariance of the shift in px⁻². It varies about zero where there is
        grain only, so single tiles may be negative.
    """
    error = moved - detail
    structure = _structure((moved + detail) * np.float32(0.5)) - _structure(error) / 4
    variance = tile_mean(error, error).astype(np.float64) + NOISE_FLOOR**2
    return np.asarray(structure * (TILE_PX**2 / (CORRELATED * variance))[..., None, None])


def least_known(known: NDArray[np.float64]) -> float:
    """Information about the shift that tiles have in common, in the direction with the least of it.

    Args:
        known: (N, 2, 2), of each tile.

    Returns:
        In px⁻², beyond three standard errors of the sum; 0 where it does not exceed them.
    """
    total = known.sum(axis=0)
    direction = np.linalg.eigh(total)[1][:, 0]
    each = np.einsum("i,nij,j->n", direction, known, direction)
    return max(0.0, float(each.sum() - STANDARD_ERRORS * np.sqrt(np.square(each).sum())))


def _structure(plane: Plane) -> NDArray[np.float64]:
    """(rows, columns, 2, 2), mean structure tensor of each tile."""
    along_x, along_y = slopes(plane)
    xx, xy, yy = (tile_mean(*two) for two in ((along_x, along_x), (along_x, along_y), (along_y, along_y)))
    return np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2).astype(np.float64)
