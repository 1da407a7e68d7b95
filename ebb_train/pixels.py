"""Pixels between the integers of files and the floats in [0, 1] that networks and renderers work in."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ebb.arrays import Rgb, Rgb8

Floats: TypeAlias = NDArray[np.float32]


def to_unit(image: NDArray[np.uint8] | NDArray[np.uint16]) -> Floats:
    """8 or 16 bits to [0, 1]."""
    return image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)


def from_unit(image: Floats) -> NDArray[np.uint8]:
    """[0, 1], clipped, to 8 bits, rounded."""
    levels: NDArray[np.uint8] = np.rint(np.clip(image, 0, 1) * np.float32(255)).astype(np.uint8)
    return levels


def to_8_bits(image: Rgb) -> Rgb8:
    """8 or 16 bits to 8, rounded."""
    import cv2

    return cast("Rgb8", image if image.dtype == np.uint8 else cv2.convertScaleAbs(image, alpha=1 / 257))


def enlarge(picture: Floats, shape: tuple[int, ...]) -> Floats:
    """Bring a level's picture (h, w, 3) in [0, 1] to the height and width of ``shape``: bicubic, clipped."""
    import cv2

    if picture.shape[:2] == shape[:2]:
        return picture
    larger = cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(larger, 0, 1), np.float32)
