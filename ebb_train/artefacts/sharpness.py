"""Detail lost in focus, and detail left where there should be blur."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb_train.artefacts.findings import Finding
from ebb_train.artefacts.scene import JudgedScene, Picture, detail

if TYPE_CHECKING:
    from ebb.arrays import Mask
    from ebb_train.metrics.blur import Map2d

_EROSION = 3
"""Pixels next to a border that are not judged: they see both sides."""
_NOISE_TIMES = 8.0
"""Energy of texture, as a multiple of that of the noise."""
_LEAST_ENERGY = (0.5 / 255) ** 2
_FEWEST_PIXELS = 400
_TAIL = 0.05
_TAIL_WEIGHT = 0.4
"""A loss of half the detail in the worst twentieth weighs as a loss of a fifth of it everywhere."""
_KEPT, _LEFT = 0.9, 0.5


def soft_focus(scene: JudgedScene, output: Picture) -> Finding | None:
    """Detail in focus that a picture has lost.

    Returns:
        None without textured pixels in focus.
    """
    before = np.minimum(scene.photo_detail, scene.layered_detail)
    judged = _eroded(scene.in_focus) & _textured(scene, before)
    if judged.sum() < _FEWEST_PIXELS:
        return None
    kept = np.sqrt(detail(output) / np.maximum(before, _LEAST_ENERGY))
    lost = 1 - kept[judged]
    value = max(float(np.median(lost)), _TAIL_WEIGHT * float(np.quantile(lost, 1 - _TAIL)), 0.0)
    return Finding("soft_focus", value, judged & (kept < 0.8))


def missing_blur(scene: JudgedScene, output: Picture) -> Finding | None:
    """Parts that a picture leaves sharp, where the lens blurs.

    Returns:
        None without textured pixels out of focus.
    """
    before = scene.photo_detail
    should_blur = scene.layered_detail < _LEFT**2 * before
    judged = _eroded(scene.blurred) & _textured(scene, before) & should_blur
    if judged.sum() < _FEWEST_PIXELS:
        return None
    left = judged & (detail(output) > _KEPT**2 * before)
    return Finding("missing_blur", float(left.sum() / judged.sum()), left)


def _textured(scene: JudgedScene, energy: Map2d) -> Mask:
    """Where a photo has detail well above its noise, by the tenth of it with the least."""
    noise = float(np.quantile(scene.photo_detail[::4, ::4], 0.1))
    return np.asarray(energy > max(_NOISE_TIMES * noise, _LEAST_ENERGY))


def _eroded(mask: Mask) -> Mask:
    import cv2

    square = np.ones((2 * _EROSION + 1, 2 * _EROSION + 1), np.uint8)
    return cv2.erode(mask.astype(np.uint8), square).astype(bool)
