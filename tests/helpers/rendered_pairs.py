"""Wide and shallow photos of synthetic scenes, with the blur of every pixel known."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ebb.arrays import Rgb8, Size
from ebb.bokeh.renderer import render_shallow
from ebb.bokeh.thin_lens import Lens, PixelGrid, coc_px, image_distance_mm
from ebb.simulation.scenes import Scene, make_scene
from ebb.simulation.sensor import Sensor
from ebb.srgb import encode_srgb


class SyntheticPair(NamedTuple):
    """Photos as a data set holds them."""

    wide: Rgb8
    shallow: Rgb8
    coc_px: NDArray[np.float32]
    """(H, W), diameter of the blur disc of the shallow photo, not signed."""


@lru_cache(maxsize=8)
def _scene(seed: int, size: Size) -> tuple[Scene, PixelGrid]:
    pixels = PixelGrid(Sensor().width_mm, max(size))
    focal_px = image_distance_mm(Lens(50, 1.8), 2.0) / pixels.pitch_mm
    return make_scene(np.random.default_rng(seed), size, focal_px=focal_px), pixels


@lru_cache(maxsize=32)
def synthetic_pair(
    seed: int,
    size: Size = Size(480, 320),
    *,
    f_number: float = 1.8,
    exposure: float = 1.0,
    noise: float = 0.0,
) -> SyntheticPair:
    """Photograph a scene with 50 mm at f/16 and at a wide aperture.

    Args:
        seed: Of the scene.
        size: Of the photos.
        f_number: Of the shallow photo.
        exposure: Of the shallow photo, over that of the wide one.
        noise: Deviation of shot noise at diffuse white.
    """
    scene, pixels = _scene(seed, size)
    rng, inner = np.random.default_rng(seed + 1000), slice(scene.margin, -scene.margin)
    photos = []
    for stop, gain in ((16.0, 1.0), (f_number, exposure)):
        coc = coc_px(Lens(50, stop), pixels, scene.focus_m, scene.depth_m)
        light = cv2.GaussianBlur(render_shallow(scene.rgb, coc), (0, 0), 0.5)[inner, inner] * np.float32(gain)
        grain = rng.normal(0, noise, light.shape) * np.sqrt(light.clip(0) + 0.01)
        photos.append(encode_srgb((light + grain).astype(np.float32)))
    return SyntheticPair(photos[0], photos[1], np.abs(coc[inner, inner]))


def overlap(found: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union."""
    return float((found & truth).sum() / (found | truth).sum())


def halo_scene() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A red disc on green: picture, mask of the disc, boundary, and closeness to the disc outside it."""
    y, x = np.mgrid[:256, :320]
    inside = np.hypot(x - 160, y - 128) < 70
    boundary = np.abs(np.hypot(x - 160, y - 128) - 70) < 5
    picture = np.where(inside[..., None], [0.8, 0.2, 0.2], [0.2, 0.6, 0.3])
    return picture, inside, boundary, cv2.GaussianBlur(inside.astype(float), (0, 0), 2) * ~inside
