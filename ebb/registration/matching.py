"""One-to-one descriptor matches by exact nearest neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Mask, Points2d
    from ebb.registration.keypoints import Keypoints

BLOCK_ROWS = 512
"""Rows of the similarity matrix held at a time: 16 MB for 8000 keypoints."""


MAX_SIZE_RATIO = 1.6
"""Keypoints within reach of each other are compared when their sizes differ by at most this factor."""


def match(a: Keypoints, b: Keypoints, ratio: float, reach_px: float = np.inf) -> NDArray[np.int64]:
    """Pair keypoints that are each other's nearest neighbour and pass the ratio test in both directions.

    A place that SIFT describes several times (one keypoint per dominant orientation) gives at most one pair.
    A finite reach leaves out what a small motion cannot bring together, so that in photos of little texture
    fewer strangers compete.

    Args:
        a: Keypoints of one photo.
        b: Keypoints of the other.
        ratio: Nearest over second-nearest descriptor distance must be below this (Lowe, IJCV 2004, 7.1).
        reach_px: Compare only keypoints at most this far apart, of about the same size.

    Returns:
        (M, 2), rows (index in a, index in b), ascending in a; every index and every location at most once.
    """
    if min(len(a), len(b)) < 2:  # the ratio test needs a second neighbour
        return np.empty((0, 2), np.int64)
    b_of_a, similarity, distinct_a = _nearest(a, b, ratio, reach_px)
    a_of_b, _, distinct_b = _nearest(b, a, ratio, reach_px)
    index_a = np.arange(len(a))
    kept = (a_of_b[b_of_a] == index_a) & distinct_a & distinct_b[b_of_a]
    pairs = np.stack([index_a[kept], b_of_a[kept]], axis=1)
    pairs = pairs[np.argsort(-similarity[kept], kind="stable")]
    for column, keypoints in enumerate((a, b)):
        pairs = pairs[_first_at_each_place(keypoints.points[pairs[:, column]])]
    return pairs[np.argsort(pairs[:, 0])]


def _nearest(
    queries: Keypoints, candidates: Keypoints, ratio: float, reach_px: float
) -> tuple[NDArray[np.int64], NDArray[np.float32], Mask]:
    """For each query: its nearest candidate, their dot product, and whether the ratio test holds.

    Unit vectors are at distance sqrt(2 − 2·dot), so distances compare as their squares do: 1 − dot.
    """
    nearest = np.empty(len(queries), np.int64)
    best = np.empty(len(queries), np.float32)
    second = np.empty(len(queries), np.float32)
    for start in range(0, len(queries), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        dots = queries.descriptors[rows] @ candidates.descriptors.T
        if np.isfinite(reach_px):
            dots[_out_of_reach(queries, candidates, rows, reach_px)] = -1
        nearest[rows] = dots.argmax(axis=1)
        cells = np.arange(len(dots)), nearest[rows]
        best[rows] = dots[cells]
        dots[cells] = -np.inf
        second[rows] = dots.max(axis=1)
    return nearest, best, (best > 0) & ((1 - best) < ratio**2 * (1 - second))


def _out_of_reach(queries: Keypoints, candidates: Keypoints, rows: slice, reach_px: float) -> Mask:
    x, y = (queries.points[rows, axis, None] - candidates.points[:, axis] for axis in (0, 1))
    size_ratio = queries.sizes[rows, None] / candidates.sizes
    far = x**2 + y**2 > reach_px**2
    return np.asarray(far | (size_ratio > MAX_SIZE_RATIO) | (size_ratio < 1 / MAX_SIZE_RATIO))


def _first_at_each_place(points: Points2d) -> NDArray[np.int64]:
    """Indices that keep the first of all points within the same pixel, in order."""
    _, first = np.unique(np.rint(points), axis=0, return_index=True)
    return np.sort(first)
