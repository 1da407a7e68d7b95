"""The band around depth edges in which the network may act.

Pixels near a step of the circle of confusion are wrong if depth is wrong there, as far as the blur of either
side reaches. Elsewhere the layered renderer's result is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_PX = 1.5
"""Step of the blur diameter within a window of :data:`WINDOW_PX` above which there is an edge."""
WINDOW_PX = 9
"""Window of the step: depth edges are often smooth."""
EXTRA_PX = 6
"""Distance in pixels that is added to the blur radius, for errors of the edge's position."""
FADE_PX = 4
"""Distance over which the band fades out."""
LIMIT_PX = 10.0
"""Largest blur radius in pixels of the network's working size."""


def edge_band(coc_px: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weight of the band around the edges of a map of blur diameters.

    Args:
        coc_px: (H, W), signed blur diameter in pixels.

    Returns:
        (H, W), 1 near edges, fading to exactly 0; 0 everywhere if there is no edge.
    """
    import cv2

    window = np.ones((WINDOW_PX, WINDOW_PX), np.uint8)
    coc = np.asarray(coc_px, np.float32)
    step = np.asarray(cv2.dilate(coc, window)) - np.asarray(cv2.erode(coc, window))
    edges = step > STEP_PX
    if not edges.any():
        return np.zeros(coc.shape, np.float32)
    distance = np.asarray(cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, 3), np.float32)
    # The larger of the radii on both sides of the nearest edge.
    reach = 2 * (int(LIMIT_PX) + EXTRA_PX + FADE_PX) + 1
    radius = np.asarray(cv2.dilate(np.where(edges, np.abs(coc) / 2, 0).astype(np.float32), _square(reach)))
    weight = np.clip((radius + np.float32(EXTRA_PX) - distance) / np.float32(FADE_PX) + 1, 0, 1)
    return np.asarray(weight, np.float32)


def _square(side: int) -> NDArray[np.uint8]:
    return np.ones((side, side), np.uint8)
