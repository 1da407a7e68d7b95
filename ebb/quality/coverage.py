"""How evenly points cover a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.geometry.pixel_grid import grid_cells

if TYPE_CHECKING:
    from ebb.arrays import Points2d, Size


def coverage(points: Points2d, size: Size, grid: int = 4) -> float:
    """Share of the cells of a grid over the frame that hold at least one point, 0 … 1.

    Args:
        points: (N, 2), inside the frame.
        size: Of the frame.
        grid: Cells on each side.
    """
    return len(np.unique(grid_cells(points.astype(np.float64), size, grid), axis=0)) / grid**2
