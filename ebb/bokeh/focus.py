"""Where a photographer would have focused: an estimate from the wide photo's depth map alone.

A subject is a surface of one depth that fills a good part of the middle of the frame; the ground leads
through all depths and gives each a little. So the depth where most of the middle lies is taken: the mode of a
histogram of inverse depth, weighted towards the centre and by inverse depth itself, as of two surfaces the
nearer one is the subject. The constants were chosen on 18 scenes whose focus is known, where the estimate is
off by at most 0.06 (``benchmarks/baselines.py`` measures it on others).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Gray8

CENTRE_SIGMA = 0.25
"""Width of the Gaussian weight around the centre, as a share of the frame's width and height."""
DEPTH_SIGMA = 10
"""Grey levels over which the histogram is smoothed: how thick a subject is."""
SMALL_PX = 256
"""The map is looked at no larger than this, by leaving out rows and columns."""


def estimate_focus(depth: Gray8) -> float:
    """Estimate the inverse depth that is in focus.

    Args:
        depth: (h, w), near is bright, 0…255.

    Returns:
        In [0, 1], on the scale of ``depth / 255``.
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
