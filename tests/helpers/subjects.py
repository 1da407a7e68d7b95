"""A photo with a subject whose mask is known."""

from __future__ import annotations

import numpy as np

BOX = np.s_[30:90, 50:110]
"""The subject's place."""


def red_box(height: int = 120, width: int = 160) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A red box before a textured green wall: photo, depth at half size, mask."""
    rng = np.random.default_rng(0)
    photo = np.full((height, width, 3), (60, 120, 70), np.uint8)
    photo[..., 1] += rng.integers(0, 60, (height, width), np.uint8)
    photo[BOX] = (210, 40, 30)
    photo[BOX][..., 0] -= rng.integers(0, 30, (60, 60), np.uint8)
    mask = np.zeros((height, width), np.float32)
    mask[BOX] = 1
    depth = np.where(mask[::2, ::2] > 0, 200, 30).astype(np.uint8)
    return photo, depth, mask


def overlap(found: np.ndarray, mask: np.ndarray) -> float:
    """Intersection over union."""
    both = (found > 0.5) & (mask > 0.5)
    return float(both.sum() / ((found > 0.5) | (mask > 0.5)).sum())
