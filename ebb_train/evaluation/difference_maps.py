"""Pictures for pages: conversion to 8-bit RGB, and maps of differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebb_train.pixels import from_unit, to_8_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Rgb8

DIFFERENCE_GAIN = 4
"""Factor by which differences are multiplied."""


def difference_map(preds: Rgb8, target: Rgb8) -> Rgb8:
    """Map of the difference between two pictures of one size: black is equal, bright is different.

    The map is the mean over the channels of the absolute difference, times :data:`DIFFERENCE_GAIN`, in the
    colours of Matplotlib's "inferno".
    """
    import cv2

    difference = np.abs(preds.astype(np.int16) - target).mean(axis=2) * DIFFERENCE_GAIN
    grey = np.asarray(np.minimum(np.rint(difference), 255), np.uint8)
    return np.asarray(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)[..., ::-1], np.uint8)


def as_rgb8(picture: NDArray[Any]) -> Rgb8:
    """Convert a picture of 8 or 16 bits or of floats in [0, 1], grey, RGB or with alpha, to 8-bit RGB."""
    values = from_unit(picture) if picture.dtype.kind == "f" else to_8_bits(picture)
    return np.repeat(values[..., None], 3, axis=2) if values.ndim == 2 else values[..., :3]
