"""Pairs of pictures to score: noise, and photo-like ones with edges, texture and blur; some of odd size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

RANDOM_SIZES = (
    (161, 163), (176, 192), (177, 192), (176, 193), (200, 179), (181, 179), (183, 221), (192, 256),
)  # fmt: skip
PHOTO_SIZES = ((192, 288), (191, 287), (205, 288), (192, 181))


def random_pair(number: int) -> tuple[Pixels, Pixels]:
    """Noise, and the same with more noise; the higher the number the more alike."""
    rng = np.random.default_rng(number)
    target = rng.random((*RANDOM_SIZES[number], 3))
    preds = target + rng.normal(0, 0.5 / (number + 1), target.shape)
    return np.float32(preds.clip(0, 1)), np.float32(target)


def photo_pair(number: int) -> tuple[Pixels, Pixels]:
    """A sharp disc before blurred ground; the blur is a disc in the target and a Gaussian in preds."""
    rng = np.random.default_rng(100 + number)
    height, width = PHOTO_SIZES[number]
    y, x = np.mgrid[:height, :width][..., None] / height
    ground = sum(
        cv2.resize(rng.random((n * 2 + 1, n * 3 + 2, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
        for n in (2, 9, 40)
    )
    ground = (ground - ground.min()) / (ground.max() - ground.min())
    subject = np.hypot(x - 0.6, y - 0.5) < 0.3
    detail = 0.5 + 0.4 * np.sin(60 * x + 40 * y * np.array([1, 1.2, 0.8]))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13)).astype(float)
    target = np.where(subject, detail, cv2.filter2D(ground, -1, disc / disc.sum()))
    preds = np.where(subject, detail, cv2.GaussianBlur(ground, (0, 0), 2.5 + number)) * (1.02 - 0.02 * number)
    return np.float32(preds.clip(0, 1)), np.float32(target.clip(0, 1))


PAIRS = [*(random_pair(n) for n in range(8)), *(photo_pair(n) for n in range(4))]
NAMES = [f"random{n}" for n in range(8)] + [f"photo{n}" for n in range(4)]
