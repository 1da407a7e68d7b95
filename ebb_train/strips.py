"""Pictures of one scene side by side, each with its name: as in figures 6 and 8 of the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb.arrays import Rgb8

HEIGHT = 480
"""Height of the pictures in a strip."""
CAPTION = 28
GAP = 6
_BACKGROUND, _TEXT = 24, (225, 225, 225)
_FONT = (0, 0.55)
"""OpenCV's FONT_HERSHEY_SIMPLEX, and its scale."""


def strip(pictures: Mapping[str, Rgb8], height: int = HEIGHT) -> Rgb8:
    """Join pictures of one size, left to right.

    Args:
        pictures: Name → (H, W, 3), 0…255.
        height: Taller pictures are averaged down to it.

    Returns:
        (:data:`CAPTION` + height, …, 3).
    """
    tiles = [_tile(name, picture, height) for name, picture in pictures.items()]
    gap = np.full((tiles[0].shape[0], GAP, 3), _BACKGROUND, np.uint8)
    return np.hstack([part for tile in tiles for part in (tile, gap)][:-1])


def _tile(name: str, picture: Rgb8, tallest: int) -> Rgb8:
    """A picture with its name above it, as wide as the wider of both."""
    import cv2

    height, width = picture.shape[:2]
    if height > tallest:
        width = max(1, round(width * tallest / height))
        picture = np.asarray(cv2.resize(picture, (width, tallest), interpolation=cv2.INTER_AREA), np.uint8)
    text = name.encode("ascii", "replace").decode()
    (text_width, _), _ = cv2.getTextSize(text, *_FONT, 1)
    tile = np.full((CAPTION + picture.shape[0], max(width, text_width + 8), 3), _BACKGROUND, np.uint8)
    cv2.putText(tile, text, (4, CAPTION - 9), *_FONT, _TEXT, 1, cv2.LINE_AA)
    tile[CAPTION:, :width] = picture
    return tile
