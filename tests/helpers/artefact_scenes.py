"""A procedural scene with what every detector needs: a sharp subject, a blurred and a smooth background."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from ebb_train.artefacts.scene import JudgedScene

HEIGHT, WIDTH = 448, 640


@cache
def subject_before_background(seed: int = 3) -> JudgedScene:
    """A textured disc in focus, before a background with discs of 12 px whose upper part is smooth."""
    rng = np.random.default_rng(seed)
    down, right = np.indices((HEIGHT, WIDTH), np.float32)
    texture = sum(
        weight * cv2.GaussianBlur(rng.normal(size=(HEIGHT, WIDTH, 3)), (0, 0), sigma) * sigma
        for sigma, weight in ((0.8, 0.12), (3, 0.08), (12, 0.05))
    )
    background = np.clip(
        [0.3, 0.45, 0.35] + np.where(down > HEIGHT / 3, 1, 0)[..., None] * texture, 0.08, 0.9
    )
    background = background + 0.08 * (right / WIDTH)[..., None]
    inside = np.hypot(down - 0.6 * HEIGHT, right - 0.4 * WIDTH) < 0.28 * HEIGHT
    subject = np.clip([0.75, 0.5, 0.3] + texture[::-1, ::-1], 0.1, 0.93)
    photo = np.where(inside[..., None], subject, background).astype(np.float32)
    return JudgedScene(
        np.rint(photo * 255).astype(np.float32) / np.float32(255), np.where(inside, 0, 12).astype(np.float32)
    )
