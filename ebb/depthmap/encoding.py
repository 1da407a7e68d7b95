"""Conversion of a network's log depth to the depth map of a data set.

As in the EBB! release (Ignatov et al., CVPRW 2020): inverse depth exp(−log depth), scaled for each photo so
that the farthest point is 0 and the nearest 255, in 8 bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.arrays import Size
from ebb.errors import Reason, Rejected
from ebb.geometry.pixel_grid import jacobian, resize_homography, shift_homography

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Homography, InverseDepth


_ROWS_AT_ONCE = 256


class HalfDepth(NamedTuple):
    """Inverse depth in half precision: ``lo + values · (hi − lo)``."""

    values: NDArray[np.float16]
    """(height, width) in [0, 1]."""
    lo: float
    hi: float


def inverse_depth_from_log(log_depth: NDArray[np.floating]) -> InverseDepth:
    """exp(−log depth), (height, width); larger is nearer.

    Raises:
        Rejected: ``bad_depth`` if a result is not finite.
    """
    with np.errstate(over="ignore"):
        inverse_depth = np.exp(-np.asarray(log_depth, dtype=np.float32))
    check_finite(inverse_depth)
    return inverse_depth


def inverse_depth_from_distance(distance: NDArray[np.floating]) -> InverseDepth:
    """1 / distance, (height, width), in the unit of the distances.

    Raises:
        Rejected: ``bad_depth`` if a distance is not finite or not above 0.
    """
    check_finite(distance)
    num_bad = int(np.count_nonzero(distance <= 0))
    if num_bad:
        raise Rejected(Reason.BAD_DEPTH, f"{num_bad} of {distance.size} distances are not above 0")
    inverse_depth = by_rows(np.reciprocal, distance)
    check_finite(inverse_depth)
    return inverse_depth


def half_of(photo: Size) -> Size:
    """Size of a photo's depth map: half the photo, rounded down.

    Raises:
        Rejected: ``too_small`` if a side would be shorter than 16 pixels.
    """
    half = Size(photo.width // 2, photo.height // 2)
    if min(half) < 16:
        raise Rejected(Reason.TOO_SMALL, f"a photo of {photo.width} x {photo.height} is too small for depth")
    return half


def encode_depth8(inverse_depth: InverseDepth) -> Gray8:
    """Scale inverse depth (height, width) to 0…255: (d − min) / (max − min) · 255, rounded.

    A constant map becomes 0 everywhere.

    Raises:
        Rejected: ``bad_depth`` if the map is not two-dimensional or holds NaN or infinity.
    """
    unit, _, _ = _stretch(inverse_depth)
    return np.rint(unit * 255.0).astype(np.uint8)


def encode_float16(inverse_depth: InverseDepth) -> HalfDepth:
    """Scale inverse depth to half precision over its own range.

    It is rounded once; storing the result is lossless. The position in the range is rounded, not the inverse
    depth itself, which may exceed the range of half precision. The error is at most 2⁻¹² of the range (8-bit
    map: 2⁻⁹), and smaller for far points, whose values are close to 0. A constant map becomes 0 everywhere,
    with ``lo == hi``.

    Raises:
        Rejected: ``bad_depth`` if the map is not two-dimensional or holds NaN or infinity.
    """
    unit, lo, hi = _stretch(inverse_depth)
    return HalfDepth(unit.astype(np.float16), lo, hi)


def decode_float16(half: HalfDepth) -> InverseDepth:
    """Inverse of :func:`encode_float16`, (height, width)."""
    return (half.lo + half.values.astype(np.float64) * (half.hi - half.lo)).astype(np.float32)


def resample_depth(inverse_depth: InverseDepth, H_out_to_depth: Homography, size: Size) -> InverseDepth:
    """Resample a depth map by a crop, a scale, or any homography.

    Every output pixel is the mean of bilinear samples, evenly spaced over its area, as many as it covers
    pixels of the map. All weights are positive, so that values stay within the range of their neighbourhood,
    depth edges have no halo, and downscaling causes no aliasing. Outside the map its border is repeated.

    Args:
        inverse_depth: (height, width).
        H_out_to_depth: Output (x, y) to (x, y) in the map; pixel centres are at integers.
        size: Width and height of the result.

    Returns:
        (size.height, size.width).
    """
    import cv2

    samples = _samples_per_pixel(H_out_to_depth, size)
    offsets = (np.arange(samples) + 0.5) / samples - 0.5
    total = np.zeros((size.height, size.width), np.float64)
    for dy in offsets:
        for dx in offsets:
            total += cv2.warpPerspective(
                inverse_depth,
                H_out_to_depth @ shift_homography(dx, dy),
                (size.width, size.height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
    return (total / samples**2).astype(np.float32)


def half_size_homography(H_out_to_photo: Homography, photo: Size, depth: Size) -> Homography:
    """Homography from half-size output (x, y) to depth map (x, y).

    Args:
        H_out_to_photo: Stored photo (x, y) to developed photo (x, y).
        photo: Size of the developed photo.
        depth: Size of the depth map, which covers the same frame.
    """
    photo_to_depth = resize_homography((depth.width / photo.width, depth.height / photo.height))
    return photo_to_depth @ H_out_to_photo @ resize_homography(2.0)


def by_rows(
    formula: Callable[[NDArray[np.float64]], NDArray[np.float64]], values: NDArray[np.generic]
) -> NDArray[np.float32]:
    """Apply a formula to each value of a map, in double precision and with little memory.

    Values outside the range of single precision become infinite.
    """
    out = np.empty(values.shape, np.float32)
    with np.errstate(over="ignore"):
        for top in range(0, len(values), _ROWS_AT_ONCE):
            band = slice(top, top + _ROWS_AT_ONCE)
            out[band] = formula(values[band].astype(np.float64))
    return out


def check_finite(inverse_depth: NDArray[np.floating]) -> None:
    """Check that a map contains neither NaN nor infinity.

    Raises:
        Rejected: ``bad_depth``, with the number of such pixels.
    """
    num_bad = inverse_depth.size - int(np.count_nonzero(np.isfinite(inverse_depth)))
    if num_bad:
        raise Rejected(Reason.BAD_DEPTH, f"{num_bad} of {inverse_depth.size} depth values are not finite")


def _stretch(inverse_depth: InverseDepth) -> tuple[NDArray[np.float64], float, float]:
    """The map scaled to [0, 1], and the two values that are mapped to 0 and 1."""
    if inverse_depth.ndim != 2 or inverse_depth.size == 0:
        raise Rejected(
            Reason.BAD_DEPTH, f"a depth map has two axes; this one has shape {inverse_depth.shape}"
        )
    check_finite(inverse_depth)
    depth = inverse_depth.astype(np.float64)
    lo, hi = float(depth.min()), float(depth.max())
    return (depth - lo) / (hi - lo if hi > lo else 1.0), lo, hi


def _samples_per_pixel(H_out_to_depth: Homography, size: Size) -> int:
    """Samples per side such that neighbours are at most one map pixel apart, at the corners."""
    stretch = 1.0
    for x in (0.0, size.width - 1.0):
        for y in (0.0, size.height - 1.0):
            stretch = max(stretch, float(np.linalg.norm(jacobian(H_out_to_depth, x, y), ord=2)))
    return int(np.ceil(stretch - 1e-6))
