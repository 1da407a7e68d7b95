"""Pictures of a validation: input, depth, output and target of some pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb_train.pixels import from_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ebb.arrays import Rgb8
    from ebb_train.training.validation import Example

COLUMNS = ("input", "depth", "output", "target")

ROW_HEIGHT = 256
"""Height of the pictures in pixels."""

GAP = 4
BACKGROUND = 24


def sheet(rows: Sequence[Example]) -> Rgb8:
    """One row a pair, one column for each of :data:`COLUMNS`; black where there is no depth map.

    Returns:
        (height, width, 3), 0…255.
    """
    strips = [_strip(row) for row in rows]
    width = max(strip.shape[1] for strip in strips)
    padded = [_extend(strip, width) for strip in strips]
    return np.concatenate(padded)[:-GAP]


def _strip(row: Example) -> Rgb8:
    height, width = row.wide.shape[:2]
    size = (max(1, round(width * ROW_HEIGHT / height)), ROW_HEIGHT)
    depth = np.zeros((height // 2, width // 2), np.uint8) if row.depth is None else row.depth
    tiles = [_tile(picture, size) for picture in (row.wide, depth, from_unit(row.output), row.shallow)]
    gap = np.full((ROW_HEIGHT, GAP, 3), BACKGROUND, np.uint8)
    return np.concatenate([tiles[0], *(part for tile in tiles[1:] for part in (gap, tile))], axis=1)


def _extend(strip: Rgb8, width: int) -> Rgb8:
    """Leave room at the right and below."""
    room = ((0, GAP), (0, width - strip.shape[1]), (0, 0))
    return np.pad(strip, room, constant_values=BACKGROUND)


def _tile(picture: NDArray[np.uint8], size: tuple[int, int]) -> Rgb8:
    import cv2

    colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    return np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), np.uint8)
