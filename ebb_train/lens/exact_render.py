"""Exact rendering of planar surfaces through a finite aperture, as ground truth for renderers.

The circle of confusion of a plane is an affine function of the pixel, c(q) = c₀ + a·q. A ray through the
point u of the aperture, |u| ≤ 1/2, that meets a surface at q is imaged at p = q + c(q)·u. Solved for q this
is an affine map of the picture plane, (I + u aᵀ) q = p − c₀ u, so that every surface is resampled once per
ray, without approximation other than bilinear interpolation. The surfaces are then composited along the
ray from back to front ("over"; Porter & Duff, "Compositing digital images", SIGGRAPH 1984), and the rays are
averaged in linear light.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.bokeh.aperture import DISC, Aperture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ebb.arrays import RgbLinear

RAYS_PER_PIXEL = 1.3
"""Rays per pixel of the largest blur disc's area."""
FEWEST_RAYS, MOST_RAYS = 48, 640
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A planar surface with coverage."""

    rgba: NDArray[np.float32]
    """(H + 2 margin, W + 2 margin, 4), linear light multiplied by coverage, and coverage in [0, 1]."""
    margin: int
    """Pixels around the frame, seen by displaced rays; beyond it the outermost pixels are repeated."""
    coc: tuple[float, float, float]
    """(c₀, aₓ, a_y): signed blur diameter c₀ + aₓ x + a_y y at the pixel (x, y) of the frame."""


def coc_map(surface: Surface, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Signed blur diameter of a surface at each pixel of a frame (height, width)."""
    constant, along, down = surface.coc
    x, y = np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)[:, None]
    return np.asarray(constant + along * x + down * y, np.float32)


def aperture_points(count: int, aperture: Aperture = DISC) -> NDArray[np.float64]:
    """Evenly distributed points (N, 2) of the aperture, |u| ≤ 1/2, in the orientation of a far highlight.

    Points of the disc are on Vogel's spiral ("A better way to construct the sunflower head", 1979); of a
    polygon, those inside it, so that about ``count`` remain.
    """
    if aperture.blades:
        inside = aperture.blades / (2 * math.pi) * math.sin(2 * math.pi / aperture.blades)
        count = math.ceil(count / inside)
    ranks = np.arange(count)
    radius, angle = 0.5 * np.sqrt((ranks + 0.5) / count), ranks * _GOLDEN_ANGLE
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    if aperture.blades:
        limit = 0.5 * math.cos(math.pi / aperture.blades)
        points = points[(points @ aperture.edge_normals().T <= limit).all(axis=1)]
    return np.asarray(points - points.mean(axis=0))


def num_rays(largest_coc_px: float) -> int:
    """Number of rays that sample the largest blur disc at about one point per pixel."""
    area = math.pi * (largest_coc_px / 2) ** 2
    return int(min(max(RAYS_PER_PIXEL * area, FEWEST_RAYS), MOST_RAYS))


def render_surfaces(
    surfaces: Sequence[Surface], shape: tuple[int, int], aperture: Aperture = DISC, rays: int | None = None
) -> RgbLinear:
    """Render surfaces through an aperture.

    Args:
        surfaces: Farthest first; the first should cover the frame.
        shape: Height and width of the frame.
        aperture: Shape of the aperture.
        rays: Number of rays; None: by the largest blur (:func:`num_rays`).

    Returns:
        (H, W, 3), linear light.
    """
    if rays is None:
        rays = num_rays(max(float(np.abs(coc_map(surface, shape)).max()) for surface in surfaces))
    points = aperture_points(rays, aperture)
    total = np.zeros((*shape, 4), np.float32)
    for point in points:
        total += _one_ray(surfaces, shape, point)
    return np.ascontiguousarray(total[..., :3] / np.float32(len(points)))


def all_in_focus(surfaces: Sequence[Surface], shape: tuple[int, int]) -> RgbLinear:
    """Render surfaces through a pinhole: (H, W, 3), linear light."""
    return np.ascontiguousarray(_one_ray(surfaces, shape, np.zeros(2))[..., :3])


def visible_coc(surfaces: Sequence[Surface], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Signed blur diameter of the surface that covers at least half of each pixel, (H, W)."""
    result = coc_map(surfaces[0], shape)
    for surface in surfaces[1:]:
        edge = surface.margin
        alpha = surface.rgba[edge : edge + shape[0], edge : edge + shape[1], 3]
        result = np.where(alpha >= 0.5, coc_map(surface, shape), result)
    return np.asarray(result, np.float32)


def _one_ray(
    surfaces: Sequence[Surface], shape: tuple[int, int], point: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Colour and coverage (H, W, 4) seen through one point of the aperture."""
    result = _resample(surfaces[0], shape, point)
    for surface in surfaces[1:]:
        front = _resample(surface, shape, point)
        result *= 1 - front[..., 3:]
        result += front
    return result


def _resample(surface: Surface, shape: tuple[int, int], point: NDArray[np.float64]) -> NDArray[np.float32]:
    """A surface as it is seen through one point of the aperture."""
    import cv2

    constant, slope = surface.coc[0], np.asarray(surface.coc[1:])
    matrix = np.linalg.inv(np.eye(2) + np.outer(point, slope))
    offset = -constant * matrix @ point + surface.margin
    warp = np.column_stack([matrix, offset])
    return np.asarray(
        cv2.warpAffine(
            surface.rgba,
            warp,
            (shape[1], shape[0]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )
