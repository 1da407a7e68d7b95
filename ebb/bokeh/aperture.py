"""The shape of the aperture, and the blur kernel it makes at a given circle of confusion."""

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
    """A disc, or a regular polygon whose corners lie on that disc.

    Highlights behind the plane of focus show the aperture upright, those in front show it upside down.

    Args:
        blades: 0 for a disc, else the number of corners, at least 3.
        rotation_deg: Turns the polygon clockwise as seen in the photo; at 0 a corner points right.

    Raises:
        UsageError: 1, 2 or fewer than 0 blades, or a rotation that is not finite.

    Examples:
        >>> ebb.Aperture(blades=6, rotation_deg=15)
        Aperture(blades=6, rotation_deg=15)
    """

    blades: int = 0
    rotation_deg: float = 0.0

    def __post_init__(self) -> None:
        if self.blades != 0 and self.blades < 3:
            raise UsageError(f"an aperture has 0 (round) or at least 3 blades, not {self.blades}")
        if not math.isfinite(self.rotation_deg):
            raise UsageError(f"aperture rotation must be finite, not {self.rotation_deg}")

    def edge_normals(self) -> NDArray[np.float64]:
        """Outward normals of the edges as (blades, 2) rows of (x, y); the edges lie at cos(π / blades)."""
        angles = math.radians(self.rotation_deg) + (2 * np.arange(self.blades) + 1) * math.pi / max(
            self.blades, 1
        )
        return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


DISC = Aperture()


@lru_cache(maxsize=1024)
def blur_kernel(
    coc_px: float, aperture: Aperture = DISC, clip: tuple[float, float] = (0.0, 0.0)
) -> NDArray[np.float32]:
    """Share of the light that a pixel takes from each neighbour: area of the aperture over the pixel grid.

    Args:
        coc_px: Signed blur diameter; negative (in front of the focus) turns the aperture upside down.
        aperture: Its shape.
        clip: Centre (x, y), in aperture radii, of a second disc that cuts the aperture (mechanical
            vignetting); (0, 0) cuts nothing.

    Returns:
        Odd square kernel with sum 1, to be *correlated* with the image; 1 × 1 up to a diameter of one pixel.
        Read-only, as it is shared between calls.
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
    # A pixel at p − c·u lands on p, so the correlation kernel is the aperture turned by half a turn.
    if coc_px > 0:
        left, right = -right[::-1], -left[::-1]
        row_weights = row_weights[::-1]
    start = np.maximum(left[:, None] * radius, columns - 0.5)
    stop = np.minimum(right[:, None] * radius, columns + 0.5)
    area = np.maximum(stop - start, 0) * row_weights[:, None]
    kernel = area.reshape(2 * half + 1, -1, 2 * half + 1).sum(axis=1)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _scanlines(radius: float, half: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gauss–Legendre heights and weights inside each pixel row, cut to ± radius; symmetric about 0."""
    rows = np.arange(-half, half + 1)
    top, bottom = np.maximum(rows - 0.5, -radius), np.minimum(rows + 0.5, radius)
    middle, reach = (top + bottom) / 2, (bottom - top) / 2
    heights = middle[:, None] + reach[:, None] * _NODES
    return heights.ravel(), (reach[:, None] * _NODE_WEIGHTS).ravel()


def _chords(
    y: NDArray[np.float64], aperture: Aperture, clip: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the aperture's cut with horizontal lines, in aperture radii; right < left if there is none."""
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
