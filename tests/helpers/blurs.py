"""Blur of a known size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FINER = 8
"""Small discs are made on a grid this much finer than the photo."""


def with_disc(light: NDArray[np.float32], disc: float) -> NDArray[np.float32]:
    """Linear light convolved with a uniform disc of a diameter in pixels."""
    side = int(disc / 2) + 1
    y, x = np.mgrid[-side : side : (2 * side + 1) * FINER * 1j, -side : side : (2 * side + 1) * FINER * 1j]
    covered = (np.hypot(x, y) <= disc / 2).astype(np.float32)
    kernel = cv2.resize(covered, (2 * side + 1,) * 2, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.filter2D(light, -1, kernel / kernel.sum()))
