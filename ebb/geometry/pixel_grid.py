"""Pixel convention: maps between pixel grids.

Pixel centres are at integers, so that a frame of size (w, h) covers −0.5 … w − 0.5 by −0.5 … h − 0.5.
Resizing by s maps borders to borders: x' = (x + 0.5)·s − 0.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Homography, Points2d, Size

Scale: TypeAlias = float | tuple[float, float]
"""Ratio of the new to the old size, for both axes or for (x, y), which may differ by rounding."""

Coordinate = TypeVar("Coordinate", float, "NDArray[np.float64]")


def resized_coordinate(x: Coordinate, scale: float) -> Coordinate:
    """Convert a coordinate along one axis to a photo resized by ``scale``."""
    return (x + 0.5) * scale - 0.5


def resize_homography(scale: Scale) -> Homography:
    """Homography from a photo to the photo resized by ``scale``."""
    scale_x, scale_y = scale if isinstance(scale, tuple) else (scale, scale)
    return np.array(
        [
            [scale_x, 0.0, resized_coordinate(0.0, scale_x)],
            [0.0, scale_y, resized_coordinate(0.0, scale_y)],
            [0.0, 0.0, 1.0],
        ]
    )


def shift_homography(x: float, y: float) -> Homography:
    """Homography of a translation to the right and down."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def jacobian(H: Homography, x: float, y: float) -> NDArray[np.float64]:
    """Jacobian matrix of a homography at (x, y), (2, 2)."""
    mapped = H @ np.array([x, y, 1.0])
    return np.asarray((H[:2, :2] - np.outer(mapped[:2] / mapped[2], H[2, :2])) / mapped[2])


def grid_cells(points: Points2d | NDArray[np.float64], size: Size, grid: int) -> NDArray[np.int64]:
    """Column and row of the cell of each point, (N, 2), in a grid of ``grid`` x ``grid`` cells.

    Args:
        points: (N, 2), inside the frame.
        size: Size of the frame.
        grid: Number of cells per side.
    """
    cells = ((points + 0.5) * grid / (size.width, size.height)).astype(np.int64)
    return np.clip(cells, 0, grid - 1)
