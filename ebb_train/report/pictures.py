"""Pictures for pages: any as 8-bit RGB, and maps of where two differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Rgb8

DIFFERENCE_GAIN = 4
"""Differences are shown this many times as large."""


def difference_map(preds: Rgb8, target: Rgb8) -> Rgb8:
    """Where two pictures of one size differ: black is equal, bright is far apart.

    The mean over the channels of the absolute difference, times :data:`DIFFERENCE_GAIN`, in the colours of
    Matplotlib's "inferno".
    """
    import cv2

    difference = np.abs(preds.astype(np.int16) - target).mean(axis=2) * DIFFERENCE_GAIN
    grey = np.asarray(np.minimum(np.rint(difference), 255), np.uint8)
    return np.asarray(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)[..., ::-1], np.uint8)


def as_rgb8(picture: NDArray[np.generic]) -> Rgb8:
    """An 8 or 16-bit picture, grey, RGB or with alpha, as 8-bit RGB to look at."""
    values = picture.astype(np.float32) / (257 if picture.dtype == np.uint16 else 1)
    rgb = np.repeat(values[..., None], 3, axis=2) if values.ndim == 2 else values[..., :3]
    return np.asarray(np.rint(rgb), np.uint8)
