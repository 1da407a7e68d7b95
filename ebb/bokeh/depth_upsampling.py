"""Bring a depth map to the size of its photo, with depth edges where the photo has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Rgb8

EDGE = 8 / 255
"""A larger difference between neighbours in the map is an edge between two surfaces."""
COLOUR_SIGMA = 16.0
"""Difference of colour, in grey levels, that makes a neighbour in the map an unlikely one."""


def upsample_depth(photo: Rgb8, depth: InverseDepth) -> InverseDepth:
    """Enlarge a depth map so that its edges lie where the photo's are.

    A stored map is a mean over blocks of pixels: beside an edge it holds depths at which nothing is. Those
    go to the nearer of both sides first. Then each pixel of the photo takes, of the four map pixels around
    it, bilinear interpolation on a smooth surface and the one of the most similar colour at an edge (after
    Kopf et al., "Joint bilateral upsampling", SIGGRAPH 2007, but picked, not mixed).

    Args:
        photo: (H, W, 3), 0…255.
        depth: (h, w), in [0, 1].

    Returns:
        (H, W), in [0, 1].
    """
    import cv2

    size = (depth.shape[1], depth.shape[0])
    clean = _without_mixtures(depth)
    colours = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA))
    rows, row_share = _places(photo.shape[0], depth.shape[0])
    columns, column_share = _places(photo.shape[1], depth.shape[1])
    values, weights, likely = [], [], []
    for down in (0, 1):
        for right in (0, 1):
            cell = np.ix_(rows[down], columns[right])
            weight = np.outer(abs(1 - down - row_share), abs(1 - right - column_share))
            difference = np.square(colours[cell].astype(np.float32) - photo).sum(axis=2)
            values.append(clean[cell])
            weights.append(weight.astype(np.float32))
            likely.append(weights[-1] * np.exp(-difference / (2 * COLOUR_SIGMA**2)))
    around = np.stack(values)
    smooth = (around * np.stack(weights)).sum(axis=0)
    # where no colour fits, the closest map pixel decides
    picked = np.argmax(np.stack(likely) + 1e-6 * np.stack(weights), axis=0)
    at_edge = np.take_along_axis(around, picked[None], axis=0)[0]
    return np.asarray(np.where(np.ptp(around, axis=0) > EDGE, at_edge, smooth), np.float32)


def _without_mixtures(depth: InverseDepth) -> InverseDepth:
    """Send each pixel beside an edge to the nearer of the lowest and the highest value around it."""
    import cv2

    square = np.ones((3, 3), np.uint8)
    low = np.asarray(cv2.erode(depth, square), np.float32)
    high = np.asarray(cv2.dilate(depth, square), np.float32)
    snapped = np.where(depth - low < high - depth, low, high)
    return np.asarray(np.where(high - low > EDGE, snapped, depth), np.float32)


def _places(
    length: int, map_length: int
) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], NDArray[np.float64]]:
    """For each pixel along one side of the photo: the map pixels before and after it, the latter's share."""
    place = np.clip((np.arange(length) + 0.5) * map_length / length - 0.5, 0, map_length - 1)
    before = place.astype(np.intp)
    return (before, np.minimum(before + 1, map_length - 1)), place - before
