"""Guided upsampling of depth maps: depth edges are aligned with the edges of the photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Rgb8

EDGE = 8 / 255
"""Difference between neighbouring depths above which there is an edge between two surfaces."""
COLOUR_SIGMA = 16.0
"""Standard deviation of the colour similarity, in grey levels."""


def upsample_depth(photo: Rgb8, depth: InverseDepth) -> InverseDepth:
    """Upsample a depth map to the size of its photo, with the photo as the guide.

    Stored maps are block means, so that pixels at an edge mix the depths of both surfaces; these are first
    set to the closer of the two values. Each pixel of the photo is then interpolated bilinearly from the
    four surrounding map pixels on smooth surfaces; at an edge it takes the map pixel of the most similar
    colour (after Kopf et al., "Joint bilateral upsampling", SIGGRAPH 2007, but without averaging).

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
    # the second term decides where no colour is similar
    picked = np.argmax(np.stack(likely) + 1e-6 * np.stack(weights), axis=0)
    at_edge = np.take_along_axis(around, picked[None], axis=0)[0]
    return np.asarray(np.where(np.ptp(around, axis=0) > EDGE, at_edge, smooth), np.float32)


def _without_mixtures(depth: InverseDepth) -> InverseDepth:
    """Set each pixel at an edge to the local minimum or maximum, whichever is closer."""
    import cv2

    square = np.ones((3, 3), np.uint8)
    low = np.asarray(cv2.erode(depth, square), np.float32)
    high = np.asarray(cv2.dilate(depth, square), np.float32)
    snapped = np.where(depth - low < high - depth, low, high)
    return np.asarray(np.where(high - low > EDGE, snapped, depth), np.float32)


def _places(
    length: int, map_length: int
) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], NDArray[np.float64]]:
    """Indices of the map pixels before and after each photo pixel along one axis, and the latter's weight."""
    place = np.clip((np.arange(length) + 0.5) * map_length / length - 0.5, 0, map_length - 1)
    before = place.astype(np.intp)
    return (before, np.minimum(before + 1, map_length - 1)), place - before
