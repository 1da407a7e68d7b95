"""Lights that a photo clips to white: how bright they were decides how bright their blur discs are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Rgb8, RgbLinear

CLIPPED_FROM = 245
"""Level of the darkest channel from which a pixel begins to count as clipped; at 255 it does so fully."""
LIGHT_SIDE = 0.03
"""Diameter of the largest clipped area that is a light, as a share of the longer side. Larger ones are
windows, walls and skies, also in pieces behind twigs; they count less, by the clipped area of the piece and
around it."""
AROUND = 0.12
"""Side of the square around a pixel, as a share of the longer side."""
BLUR_PX = (1.0, 3.0)
"""Blur diameters between which brightness comes in: what is in focus stays as the photo shows it."""


def brighten_lights(light: RgbLinear, photo: Rgb8, coc_px: NDArray[np.float32], gain: float) -> RgbLinear:
    """Raise the linear light of small clipped areas that are out of focus.

    Args:
        light: (H, W, 3), linear light of the photo.
        photo: (H, W, 3), 0…255.
        coc_px: (H, W), blur diameters in pixels, of either sign.
        gain: Radiance of a small light relative to white, ≥ 1.

    Returns:
        (H, W, 3), the same or higher values.
    """
    clipped = (photo.min(axis=2).astype(np.float32) - CLIPPED_FROM) / (255 - CLIPPED_FROM)
    share = np.clip(clipped, 0, 1) * _smallness(clipped > 0)
    low, high = BLUR_PX
    share *= np.clip((np.abs(coc_px) - low) / (high - low), 0, 1)
    return np.asarray(light * (1 + np.float32(gain - 1) * share)[..., None], np.float32)


def _smallness(clipped: NDArray[np.bool_]) -> NDArray[np.float32]:
    """1 where the clipped area is that of a light, the ratio of the areas where it is larger."""
    import cv2

    longer = max(clipped.shape)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(clipped.view(np.uint8), connectivity=8)
    areas = statistics[:, cv2.CC_STAT_AREA].astype(np.float32)
    side = max(1, round(AROUND * longer))
    around = cv2.blur(clipped.astype(np.float32), (side, side), borderType=cv2.BORDER_REFLECT) * side**2
    largest = np.float32(np.pi / 4 * (LIGHT_SIDE * longer) ** 2)
    return np.asarray(np.minimum(1, largest / np.maximum(np.maximum(areas[labels], around), 1)), np.float32)
