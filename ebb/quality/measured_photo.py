"""A photo with what several measurements of a pair need of it, computed once, when it is first needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ebb.quality.grid import EIGHTH, HALF, blocks
from ebb.srgb import LUMINANCE, linear_light

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Rgb, RgbLinear


_CLIPPED = 0.995


@dataclass(frozen=True)
class MeasuredPhoto:
    """A photo at detection height, and its linear light at several sizes."""

    rgb: Rgb
    """(height, width, 3)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.rgb.shape[0], self.rgb.shape[1]

    @cached_property
    def light(self) -> RgbLinear:
        """(height, width, 3), linear light in [0, 1]."""
        return linear_light(self.rgb)

    @cached_property
    def half_luminance(self) -> NDArray[np.float32]:
        """(height // 2, width // 2), luminance at half the size."""
        return blocks(self.light @ LUMINANCE, HALF)

    @cached_property
    def small_light(self) -> RgbLinear:
        """(height // 8, width // 8, 3), linear light at an eighth of the size."""
        return blocks(self.light, EIGHTH)

    @cached_property
    def lost(self) -> NDArray[np.float32]:
        """(height // 8, width // 8), share of the pixels of each block with a channel at its limit."""
        import cv2

        limit = highest_unclipped(self.rgb)
        clipped = np.asarray(cv2.inRange(self.rgb, (0, 0, 0), (limit,) * 3) == 0, np.uint8)
        return blocks(clipped, EIGHTH)


def highest_unclipped(photo: Rgb) -> int:
    """Largest code of a channel that counts as not clipped."""
    return int(np.ceil(_CLIPPED * np.iinfo(photo.dtype).max)) - 1
