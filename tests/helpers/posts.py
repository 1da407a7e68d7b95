"""Pairs of photos of plain posts: edges, hardly a corner."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def posts(*, with_ends: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Posts in front of a background, both plain; and the same moved by 37 px to the left and 22 px down.

    The background is smooth; the posts end within the frame if ``with_ends``.
    """
    rng = np.random.default_rng(5)
    scene = cv2.GaussianBlur(rng.normal(size=(1000, 1400)), (0, 0), 60)
    scene = 120 + 30 * scene / np.abs(scene).max()
    top = 250 if with_ends else 0
    for left in (450, 640, 860):
        scene[top:, left : left + 60] = 60 + left / 20
    scene = cv2.GaussianBlur(scene, (0, 0), 1.0)
    wide, shallow = (
        (photo + rng.normal(0, 0.7, photo.shape)).round().clip(0, 255).astype(np.uint8)
        for photo in (scene[100:868, 150:1174], scene[78:846, 187:1211])
    )
    return wide, shallow
