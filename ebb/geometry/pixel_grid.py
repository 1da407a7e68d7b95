"""The pixel convention, stated once: resizing, shifts and cells of a frame as maps between pixel grids.

Integer (x, y) is the centre of a pixel, so a frame of size (w, h) spans −0.5 … w − 0.5 by −0.5 … h − 0.5. Its
borders stay borders when it is resized by s: x' = (x + 0.5)·s − 0.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Homography, Points2d, Size

Scale: TypeAlias = float | tuple[float, float]
"""New size over old size, for both axes or for (x, y); rounded widths make the two differ a little."""

Coordinate = TypeVar("Coordinate", float, "NDArray[np.float64]")


def resized_coordinate(x: Coordinate, scale: float) -> Coordinate:
    """Coordinate along one axis of a photo → the same place in the photo resized by ``scale``."""
    return (x + 0.5) * scale - 0.5


def resize_homography(scale: Scale) -> Homography:
    """Map (x, y) of a photo to the photo resized by ``scale``."""
    scale_x, scale_y = scale if isinstance(scale, tuple) else (scale, scale)
    return np.array(
        [
            [scale_x, 0.0, resized_coordinate(0.0, scale_x)],
            [0.0, scale_y, resized_coordinate(0.0, scale_y)],
            [0.0, 0.0, 1.0],
        ]
    )


def shift_homography(x: float, y: float) -> Homography:
    """Map (x, y) to where it lies after a shift to the right and down."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def jacobian(H: Homography, x: float, y: float) -> NDArray[np.float64]:
    """(2, 2), derivative of the mapped place at (x, y): how H stretches and turns what is around it."""
    mapped = H @ np.array([x, y, 1.0])
    return np.asarray((H[:2, :2] - np.outer(mapped[:2] / mapped[2], H[2, :2])) / mapped[2])


def grid_cells(points: Points2d | NDArray[np.float64], size: Size, grid: int) -> NDArray[np.int64]:
    """(N, 2), column and row of each point's cell when ``grid`` x ``grid`` cells cover a frame.

    Args:
        points: (N, 2), inside the frame.
        size: Of the frame.
        grid: Cells on each side.
    """
    cells = ((points + 0.5) * grid / (size.width, size.height)).astype(np.int64)
    return np.clip(cells, 0, grid - 1)
