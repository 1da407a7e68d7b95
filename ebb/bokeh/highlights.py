"""Light that a photo clipped to white: brighter than white in the scene, and so in discs of blur."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ebb.arrays import Rgb, RgbLinear

CLIPPED = 250
"""Grey level of 255 from which on a pixel counts as clipped, in its darkest channel."""


def raise_highlights(light: RgbLinear, photo: Rgb, gain: float) -> None:
    """Multiply the light of clipped pixels, in place: the photo does not tell how bright they were.

    Args:
        light: (H, W, 3), linear light of the photo.
        photo: (H, W, 3), sRGB, 8 or 16 bit.
        gain: How much brighter than white they are taken to be, at least 1.
    """
    level = CLIPPED * (int(np.iinfo(photo.dtype).max) // 255)
    light[photo.min(axis=2) >= level] *= np.float32(gain)
