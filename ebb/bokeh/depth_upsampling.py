"""Guided upsampling of depth maps: depth edges are aligned with the edges of the photo."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Mask, Rgb8

EDGE = 8 / 255
"""Difference between neighbouring depths above which there is an edge between two surfaces."""
COLOUR_SIGMA = 16.0
"""Standard deviation of the colour similarity, in grey levels."""
CHUNK = 65536
"""Number of photo pixels processed at a time, which bounds the memory."""


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

    clean = without_mixtures(depth)
    height, width = photo.shape[:2]
    result = np.asarray(cv2.resize(clean, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    rows, columns = _places(height, depth.shape[0]), _places(width, depth.shape[1])
    at_edge = np.flatnonzero(_steps(clean)[rows.before][:, columns.before])
    if at_edge.size:
        size = (depth.shape[1], depth.shape[0])
        colours = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
        for start in range(0, at_edge.size, CHUNK):
            pixels = at_edge[start : start + CHUNK]
            result.flat[pixels] = _most_similar(photo, colours, clean, pixels, (rows, columns))
    return result


class _Places(NamedTuple):
    """The map pixels before and after each photo pixel along one axis, and the share of the latter."""

    before: NDArray[np.intp]
    after: NDArray[np.intp]
    share: NDArray[np.float32]


def _places(length: int, map_length: int) -> _Places:
    place = np.clip((np.arange(length) + 0.5) * map_length / length - 0.5, 0, map_length - 1)
    before = place.astype(np.intp)
    return _Places(before, np.minimum(before + 1, map_length - 1), (place - before).astype(np.float32))


def _steps(depth: InverseDepth) -> Mask:
    """Whether there is an edge among a map pixel and the next ones to the right and below."""
    import cv2

    square = np.ones((2, 2), np.uint8)
    low = np.asarray(cv2.erode(depth, square, anchor=(0, 0)), np.float32)
    high = np.asarray(cv2.dilate(depth, square, anchor=(0, 0)), np.float32)
    return high - low > EDGE


def _most_similar(
    photo: Rgb8,
    colours: Rgb8,
    depth: InverseDepth,
    pixels: NDArray[np.intp],
    places: tuple[_Places, _Places],
) -> NDArray[np.float32]:
    """Depth of the surrounding map pixel whose colour is most similar, for N photo pixels by flat index."""
    y, x = np.divmod(pixels, photo.shape[1])
    rows, columns = places
    own = photo.reshape(-1, 3)[pixels].astype(np.float32)
    best, picked = np.full(pixels.size, -np.inf, np.float32), np.zeros(pixels.size, np.float32)
    for row, row_weight in ((rows.before[y], 1 - rows.share[y]), (rows.after[y], rows.share[y])):
        for column, weight in (
            (columns.before[x], 1 - columns.share[x]),
            (columns.after[x], columns.share[x]),
        ):
            difference = np.square(colours[row, column] - own).sum(axis=1)
            # the second term decides where no colour is similar
            likely = row_weight * weight * (np.exp(-difference / (2 * COLOUR_SIGMA**2)) + np.float32(1e-6))
            better = likely > best
            best = np.where(better, likely, best)
            picked = np.where(better, depth[row, column], picked)
    return picked


def without_mixtures(depth: InverseDepth) -> InverseDepth:
    """Set each pixel at an edge to the local minimum or maximum, whichever is closer."""
    import cv2

    square = np.ones((3, 3), np.uint8)
    low = np.asarray(cv2.erode(depth, square), np.float32)
    high = np.asarray(cv2.dilate(depth, square), np.float32)
    snapped = np.where(depth - low < high - depth, low, high)
    return np.asarray(np.where(high - low > EDGE, snapped, depth), np.float32)
