"""Aperture shapes and their blur kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(32)


@dataclass(frozen=True)
class Aperture:
    """A disc, or a regular polygon inscribed in that disc.

    Highlights behind the plane of focus show the aperture upright, those in front of it upside down.

    Args:
        blades: Number of corners, at least 3; 0 for a disc.
        rotation_deg: Clockwise rotation of the polygon in the photo; at 0 a corner points right.

    Raises:
        UsageError: the number of blades is negative, 1 or 2, or the rotation is not finite.

    Examples:
        >>> ebb.Aperture(blades=6, rotation_deg=15)
        Aperture(blades=6, rotation_deg=15)
    """

    blades: int = 0
    rotation_deg: float = 0.0

    def __post_init__(self) -> None:
        if self.blades != 0 and self.blades < 3:
            raise UsageError(f"an aperture must have 0 (round) or at least 3 blades, not {self.blades}")
        if not math.isfinite(self.rotation_deg):
            raise UsageError(f"aperture rotation must be finite, not {self.rotation_deg}")

    def edge_normals(self) -> NDArray[np.float64]:
        """Outward normals of the edges, (blades, 2), as (x, y); the edges are at distance cos(π / blades)."""
        angles = math.radians(self.rotation_deg) + (2 * np.arange(self.blades) + 1) * math.pi / max(
            self.blades, 1
        )
        return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


DISC = Aperture()


@lru_cache(maxsize=1024)
def blur_kernel(
    coc_px: float, aperture: Aperture = DISC, clip: tuple[float, float] = (0.0, 0.0)
) -> NDArray[np.float32]:
    """Blur kernel of an aperture: its area within each pixel.

    Args:
        coc_px: Signed blur diameter; negative (in front of the focus) turns the aperture upside down.
        aperture: Shape of the aperture.
        clip: Centre (x, y), in aperture radii, of a second disc that is intersected with the aperture
            (mechanical vignetting); at (0, 0) it has no effect.

    Returns:
        (k, k), k odd, sum 1, to be *correlated* with the image; 1 × 1 for diameters up to one pixel. The
        array is cached and read-only.
    """
    kernel = _area_kernel(coc_px, aperture, clip)
    kernel.flags.writeable = False
    return kernel


def _area_kernel(coc_px: float, aperture: Aperture, clip: tuple[float, float]) -> NDArray[np.float32]:
    radius = abs(coc_px) / 2
    half = max(math.ceil(radius - 0.5), 0)
    if half == 0:
        return np.ones((1, 1), np.float32)
    columns = np.arange(-half, half + 1)
    rows, row_weights = _scanlines(radius, half)
    left, right = _chords(rows / radius, aperture, clip)
    # A pixel at p − c·u contributes to p, so the correlation kernel is the aperture rotated by 180°.
    if coc_px > 0:
        left, right = -right[::-1], -left[::-1]
        row_weights = row_weights[::-1]
    start = np.maximum(left[:, None] * radius, columns - 0.5)
    stop = np.minimum(right[:, None] * radius, columns + 0.5)
    area = np.maximum(stop - start, 0) * row_weights[:, None]
    kernel = area.reshape(2 * half + 1, -1, 2 * half + 1).sum(axis=1)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _scanlines(radius: float, half: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gauss–Legendre nodes and weights of each pixel row, restricted to ± radius; symmetric about 0."""
    rows = np.arange(-half, half + 1)
    top, bottom = np.maximum(rows - 0.5, -radius), np.minimum(rows + 0.5, radius)
    middle, reach = (top + bottom) / 2, (bottom - top) / 2
    heights = middle[:, None] + reach[:, None] * _NODES
    return heights.ravel(), (reach[:, None] * _NODE_WEIGHTS).ravel()


def _chords(
    y: NDArray[np.float64], aperture: Aperture, clip: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the aperture's chords at heights y, in aperture radii; right < left outside the aperture."""
    right = np.sqrt(np.maximum(1 - y * y, 0))
    left = -right
    for nx, ny in aperture.edge_normals():
        limit = math.cos(math.pi / aperture.blades) - ny * y
        if abs(nx) < 1e-12:
            right = np.where(limit < 0, left - 1, right)
        elif nx > 0:
            right = np.minimum(right, limit / nx)
        else:
            left = np.maximum(left, limit / nx)
    if clip != (0.0, 0.0):
        inside = 1 - (y - clip[1]) ** 2
        reach = np.where(inside > 0, np.sqrt(np.maximum(inside, 0)), -2)
        left, right = np.maximum(left, clip[0] - reach), np.minimum(right, clip[0] + reach)
    return left, right
