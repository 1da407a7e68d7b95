"""Clipped highlights, whose radiance in the scene exceeds white."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ebb.arrays import Rgb, RgbLinear

CLIPPED = 250
"""Grey level (0…255) of the darkest channel from which a pixel counts as clipped."""


def raise_highlights(light: RgbLinear, photo: Rgb, gain: float) -> None:
    """Multiply the linear light of clipped pixels by a gain, in place.

    Args:
        light: (H, W, 3), linear light of the photo.
        photo: (H, W, 3), sRGB, uint8 or uint16.
        gain: Radiance relative to white, ≥ 1.
    """
    level = CLIPPED * (int(np.iinfo(photo.dtype).max) // 255)
    light[photo.min(axis=2) >= level] *= np.float32(gain)
