"""Exposure of the shallow photos relative to the wide ones: a gain in the middle and one in the corners.

A wide-open lens darkens the corners far more than the same lens at f/16; by the square of the distance from
the middle, near enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.srgb import decode_srgb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ebb.arrays import Rgb8, RgbLinear
    from ebb_train.data.sources import Photos

BLOCKS = 12
"""Light is compared in so many blocks each way: blur hardly moves any from one to the next."""
ROUNDS = 30
"""Of reweighting: a fit to the smallest sum of absolute differences."""


class ExposureGains(NamedTuple):
    """Gain of linear light in the middle of the frame, and in its corners."""

    gain: float = 1.0
    corner_gain: float = 1.0

    def apply(self, light: RgbLinear) -> RgbLinear:
        """Multiply (H, W, 3) by the gain of each place."""
        share = squared_distance(*light.shape[:2]).astype(np.float32)[..., None]
        return np.asarray(light * (self.gain + (self.corner_gain - self.gain) * share), np.float32)


UNCHANGED = ExposureGains()


def fit_exposure(pairs: Sequence[Photos]) -> ExposureGains:
    """Find both gains from pairs; 1 for no pairs.

    The ratio of light is taken block by block, over all pairs, and fitted by gain + slope · distance² in the
    least absolute deviation, so that a lamp that one photo clips does not count.
    """
    if not pairs:
        return UNCHANGED
    ratios = [_block_light(pair.shallow) / np.maximum(_block_light(pair.wide), 1e-4) for pair in pairs]
    sizes = [pair.wide.shape for pair in pairs]
    places = [squared_distance(size[0], size[1], BLOCKS, BLOCKS).ravel() for size in sizes]
    ratio, place = np.concatenate(ratios), np.concatenate(places)
    terms, weight = np.stack([1 - place, place], axis=1), np.ones_like(ratio)
    gains: NDArray[np.float64] = np.ones(2)
    for _ in range(ROUNDS):
        root = np.sqrt(weight)
        gains = np.asarray(np.linalg.lstsq(terms * root[:, None], ratio * root, rcond=None)[0], np.float64)
        weight = 1 / np.maximum(np.abs(ratio - terms @ gains), 1e-3)
    gain, corner_gain = (round(max(float(value), 0.0), 4) for value in gains)
    return ExposureGains(gain, corner_gain)


def squared_distance(
    height: int, width: int, rows: int | None = None, columns: int | None = None
) -> NDArray[np.float64]:
    """From the middle of the frame: 0 there, 1 in the corners.

    Args:
        height: Of the frame.
        width: As well.
        rows: How many places down; None: the height, a place a pixel.
        columns: How many across; None: the width.

    Returns:
        (rows, columns).
    """
    y = ((np.arange(rows or height) + 0.5) / (rows or height) - 0.5) * height
    x = ((np.arange(columns or width) + 0.5) / (columns or width) - 0.5) * width
    return np.asarray((y[:, None] ** 2 + x**2) / ((height / 2) ** 2 + (width / 2) ** 2), np.float64)


def _block_light(photo: Rgb8) -> NDArray[np.float64]:
    """Mean linear light of each block, flat."""
    import cv2

    light = decode_srgb(photo).mean(axis=2)
    return np.asarray(cv2.resize(light, (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA), np.float64).ravel()
