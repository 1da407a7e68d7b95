"""Conversion between integer pixels and floats in [0, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ebb.arrays import Rgb, Rgb8

Floats: TypeAlias = NDArray[np.float32]


def to_unit(image: NDArray[np.uint8] | NDArray[np.uint16]) -> Floats:
    """Convert 8-bit or 16-bit pixels to floats in [0, 1]."""
    return image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)


def from_unit(image: Floats) -> NDArray[np.uint8]:
    """Convert floats, clipped to [0, 1], to 8-bit pixels, rounded."""
    levels: NDArray[np.uint8] = np.rint(np.clip(image, 0, 1) * np.float32(255)).astype(np.uint8)
    return levels


def to_8_bits(image: Rgb) -> Rgb8:
    """Round 16-bit pixels to 8 bits; 8-bit pixels are returned unchanged."""
    import cv2

    return cast("Rgb8", image if image.dtype == np.uint8 else cv2.convertScaleAbs(image, alpha=1 / 257))


def enlarge(picture: Floats, shape: tuple[int, ...]) -> Floats:
    """Enlarge a picture (h, w, 3) in [0, 1] to the height and width of ``shape``, bicubic and clipped."""
    import cv2

    if picture.shape[:2] == shape[:2]:
        return picture
    larger = cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(larger, 0, 1), np.float32)
