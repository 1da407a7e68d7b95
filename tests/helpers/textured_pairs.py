"""Pairs of textured planes with a known motion, for tests of alignment."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ebb.arrays import Size

FRAME = Size(576, 384)
TURN = np.array([[1.006, -0.0041, 5.3], [0.0041, 1.006, -3.7], [-1.5e-6, 1.0e-6, 1.0]])
"""Shallow to wide: a turn and a change of focal length, at a focal length of about 1900 px."""


def texture(seed: int, size: Size = FRAME) -> NDArray[np.float32]:
    """Blobs at several scales, 0.05 … 0.95, linear light."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size.height, size.width), np.float32)
    for sigma in (1.5, 4.0, 12.0):
        layer = cv2.GaussianBlur(rng.standard_normal(total.shape).astype(np.float32), (0, 0), sigma)
        total += layer / layer.std()
    return np.clip(0.4 + 0.13 * total, 0.05, 0.95).astype(np.float32)


def moved(
    scene: NDArray[np.float32], H_shallow_to_wide: NDArray[np.float64], size: Size = FRAME
) -> NDArray[np.float32]:
    """What the shallow photo sees of a scene that is larger than the frame by a margin on every side."""
    margin = (scene.shape[1] - size.width) // 2
    to_scene = np.array([[1, 0, margin], [0, 1, margin], [0, 0, 1]]) @ H_shallow_to_wide
    return np.asarray(
        cv2.warpPerspective(scene, to_scene, size, flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP),
        np.float32,
    )


def encoded(
    light: NDArray[np.float32], *, gain: float = 1.0, noise: float = 0.0, seed: int = 0
) -> NDArray[np.uint8]:
    """8-bit sRGB values of linear light."""
    linear = np.clip(light * gain + noise * np.random.default_rng(seed).standard_normal(light.shape), 0, 1)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * curve).astype(np.uint8)


def pair(
    seed: int,
    H: NDArray[np.float64] = TURN,
    *,
    blur_left: float = 6.0,
    gain: float = 1.0,
    noise: float = 0.003,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Wide and shallow grey; the left half of the shallow one is out of focus."""
    margin = 48
    scene = texture(seed, Size(FRAME.width + 2 * margin, FRAME.height + 2 * margin))
    inner = np.s_[margin:-margin, margin:-margin]
    soft = cv2.GaussianBlur(scene, (0, 0), blur_left) if blur_left else scene
    ramp = np.clip((np.arange(scene.shape[1]) - scene.shape[1] * 0.4) / (0.1 * scene.shape[1]), 0, 1)
    shallow = moved((ramp * scene + (1 - ramp) * soft).astype(np.float32), H)
    return encoded(scene[inner], noise=noise, seed=seed), encoded(
        shallow, gain=gain, noise=noise, seed=seed + 1
    )
