"""Estimation of the focus from a depth map.

The estimate is the mode of a histogram of inverse depth, weighted towards the centre of the frame and by
inverse depth itself, as the subject is usually central and the nearer of two surfaces. The constants were
chosen on 18 scenes with known focus, where the error is at most 0.06; ``benchmarks/baselines.py`` measures it
on other scenes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Gray8

CENTRE_SIGMA = 0.25
"""Standard deviation of the weight around the centre, relative to the frame's width and height."""
DEPTH_SIGMA = 10
"""Standard deviation of the histogram's smoothing, in grey levels."""
SMALL_PX = 256
"""Size in pixels to which larger maps are subsampled."""


def estimate_focus(depth: Gray8) -> float:
    """Estimate the inverse depth that is in focus.

    Args:
        depth: (h, w), 0…255, larger is nearer.

    Returns:
        Inverse depth in [0, 1], on the scale of ``depth / 255``.
    """
    step = max(1, max(depth.shape) // SMALL_PX)
    small = depth[::step, ::step]
    weights = np.outer(*(_centre_weights(length) for length in small.shape))
    counts = np.bincount(small.ravel(), weights.ravel(), minlength=256)
    offsets = np.arange(-3 * DEPTH_SIGMA, 3 * DEPTH_SIGMA + 1)
    smooth = np.convolve(counts, np.exp(-0.5 * (offsets / DEPTH_SIGMA) ** 2), mode="same")
    return float(np.argmax(smooth * np.arange(1, 257)) / 255)


def _centre_weights(length: int) -> NDArray[np.float64]:
    place = (np.arange(length) + 0.5) / length - 0.5
    return np.exp(-0.5 * (place / CENTRE_SIGMA) ** 2)
