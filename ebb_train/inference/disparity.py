"""Inverse depth as the lens needs it: in [0, 1], of the size of the photo, with edges where its edges are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.bokeh.depth_upsampling import EDGE, upsample_depth, without_mixtures
from ebb.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ebb.arrays import InverseDepth, Rgb8

OUTLIERS = 0.2
"""Per cent of a map's pixels at either end that may lie outside [0, 1] and are clipped: wrong pixels must not
change the blur of all others."""
SHARP = 0.6
"""Steepness of edges from which they count as sharp; a step has 1, one blurred by 1 pixel 0.5."""
MAX_ROUNDS = 3
"""Of making edges steeper."""
RIM = 0.1
"""How far off a surface, as a share of the step to the other one, depths at its edge are set to its own."""
WIDEST_RIM = 9
"""Side in pixels of the largest window in which that is done."""
ALIKE = 25.0
"""Standard deviation of the photo's colours, in grey levels, below which they do not show an edge."""


def normalise(inverse_depth: ArrayLike) -> InverseDepth:
    """Stretch inverse depth to [0, 1] between its percentiles 0.2 and 99.8, and clip it.

    Args:
        inverse_depth: (h, w), any numeric type, larger is nearer.

    Returns:
        (h, w), float32; a constant map becomes all 0.

    Raises:
        UsageError: it is not a finite array (h, w).
    """
    depth = np.asarray(inverse_depth, np.float64)
    if depth.ndim != 2 or not depth.size:
        raise UsageError(f"inverse depth must have the shape (height, width), not {depth.shape}")
    if not np.isfinite(depth).all():
        raise UsageError("inverse depth must be finite", hint="infinity is 0 in inverse depth")
    low, high = np.percentile(depth, [OUTLIERS, 100 - OUTLIERS])
    if not high > low:
        low, high = depth.min(), depth.max()
    if not high > low:
        return np.zeros(depth.shape, np.float32)
    return np.asarray(np.clip((depth - low) / (high - low), 0, 1), np.float32)


def fit_to_photo(photo: Rgb8, depth: InverseDepth) -> InverseDepth:
    """Bring a map to the size of its photo, with edges that are steep and follow the photo's.

    Maps of networks and small maps have blurred edges: pixels whose depth lies between those of two surfaces
    and is that of none. They are set to the closer of the two values (a toggle mapping: Kramer and Bruckner,
    "Iterations of a non-linear transformation for enhancement of digital images", Pattern Recognition 1975),
    as often as the edges need it, and the map is enlarged with the photo as the guide
    (:func:`ebb.bokeh.depth_upsampling.upsample_depth`); where the photo is of one colour on both sides of an
    edge, with a smooth outline. The map must not be enlarged in any other way before.

    Args:
        photo: (H, W, 3).
        depth: (h, w) of any size, in [0, 1].

    Returns:
        (H, W), in [0, 1].
    """
    import cv2

    height, width = photo.shape[:2]
    if depth.shape[0] > height or depth.shape[1] > width:
        smaller = (min(width, depth.shape[1]), min(height, depth.shape[0]))
        # not averaged: between two surfaces there is none
        depth = np.asarray(cv2.resize(depth, smaller, interpolation=cv2.INTER_NEAREST_EXACT), np.float32)
    for _ in range(MAX_ROUNDS):
        if steepness(depth) >= SHARP:
            break
        depth = without_mixtures(depth)
    return depth if depth.shape == (height, width) else _enlarged(photo, depth)


def _enlarged(photo: Rgb8, depth: InverseDepth) -> InverseDepth:
    """Enlarge a map: its edges are those of the photo, or else smooth."""
    import cv2

    factor = max(photo.shape[0] / depth.shape[0], photo.shape[1] / depth.shape[1])
    guided = np.asarray(cv2.medianBlur(upsample_depth(photo, depth), 3), np.float32)  # without single pixels
    mixed = np.where(_contrast(photo, factor) < ALIKE, _smooth(depth, photo.shape, factor), guided)
    return _without_rims(mixed, min(2 * round(factor) + 1, WIDEST_RIM))


def _without_rims(depth: InverseDepth, side: int) -> InverseDepth:
    """Set what is left of the blur of edges, a little off either surface, to the depth of that surface."""
    import cv2

    square = np.ones((side, side), np.uint8)
    low = np.asarray(cv2.erode(depth, square), np.float32)
    high = np.asarray(cv2.dilate(depth, square), np.float32)
    rim = RIM * (high - low)
    snapped = np.where(depth - low < rim, low, np.where(high - depth < rim, high, depth))
    return np.where(high - low > 4 * EDGE, snapped, depth)


def _smooth(depth: InverseDepth, shape: tuple[int, ...], factor: float) -> InverseDepth:
    """Enlarge a map without a guide: at edges, the nearer or the farther surface, with a smooth outline."""
    import cv2

    def enlarged(values: InverseDepth) -> InverseDepth:
        size = (shape[1], shape[0])
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)

    square, clean = np.ones((3, 3), np.uint8), without_mixtures(depth)
    low, high = (enlarged(np.asarray(of(clean, square), np.float32)) for of in (cv2.erode, cv2.dilate))
    plain = enlarged(clean)
    outline = np.asarray(cv2.GaussianBlur(plain, (0, 0), factor / 2), np.float32)
    surface = np.where(outline > (low + high) / 2, high, low)
    return np.where(high - low > EDGE, surface, plain)


def _contrast(photo: Rgb8, factor: float) -> NDArray[np.float32]:
    """Standard deviation of the colours around each pixel, as far as a pixel of the map reaches."""
    import cv2

    side = 2 * round(factor) + 1
    colours = photo.astype(np.float32)
    mean, square = (cv2.blur(values, (side, side)) for values in (colours, colours * colours))
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0).sum(axis=2)), np.float32)


def steepness(depth: InverseDepth) -> float:
    """Share of the height of the edges that lies within 3 pixels: 1 for steps, less for ramps.

    Args:
        depth: (h, w), in [0, 1].
    """
    near, far = _range(depth, 3), _range(depth, 9)
    weight = np.where(far > 4 * EDGE, near, np.float32(0))
    total = float((weight * far).sum())
    return float((weight * near).sum()) / total if total else 1.0


def _range(depth: InverseDepth, side: int) -> InverseDepth:
    """Largest minus smallest value in a square window."""
    import cv2

    square = np.ones((side, side), np.uint8)
    return np.asarray(cv2.dilate(depth, square) - cv2.erode(depth, square), np.float32)
