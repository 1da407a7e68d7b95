"""Tiled rendering: cache-sized tiles for threads, and kernels that vary over the field."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.arrays import Rect
from ebb.bokeh.aperture import Aperture, blur_kernel
from ebb.bokeh.layers import Stack, composite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import RgbLinear
    from ebb.bokeh.convolution import Backend

TILE_PX = 128
"""Side of a tile in pixels; Fourier transforms of this size fit the cache."""


class LayeredScene(NamedTuple):
    """Input shared by all tiles."""

    stack: Stack
    """Surfaces of the photo, with a border."""
    margin: int
    """Half the size of the largest kernel."""
    border: int
    """Width of the stack's border around the photo in pixels."""
    aperture: Aperture
    cats_eye: float
    backend: Backend


def overhang(cats_eye: float) -> int:
    """Number of pixels by which tiles may extend beyond the photo."""
    return TILE_PX if cats_eye else 0


def tile_rects(shape: tuple[int, int], cats_eye: float, *, whole: bool) -> list[Rect]:
    """Tiles of a photo: squares, one tile (``whole``), or half-overlapping squares for cat's-eye bokeh."""
    height, width = shape
    if cats_eye:
        half = TILE_PX // 2
        starts = [(y, x) for y in range(-half, height, half) for x in range(-half, width, half)]
        return [Rect(x, y, TILE_PX, TILE_PX) for y, x in starts]
    side = max(shape) if whole else TILE_PX
    starts = [(y, x) for y in range(0, height, side) for x in range(0, width, side)]
    return [Rect(x, y, min(side, width - x), min(side, height - y)) for y, x in starts]


def paste(scene: LayeredScene, rects: list[Rect], shape: tuple[int, int], workers: int) -> RgbLinear:
    """Render all tiles and sum them in a fixed order, so that the result does not depend on the threads."""
    result = np.zeros((*shape, 3), np.float32)
    fade = bool(scene.cats_eye)
    with ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
        for rect, tile in zip(rects, pool.map(lambda rect: _render(scene, rect, shape), rects), strict=True):
            add_tile(result, rect, tile, fade=fade)
    return result


def add_tile(result: RgbLinear, rect: Rect, tile: RgbLinear, *, fade: bool) -> None:
    """Add the part of a tile that lies within the photo; ``fade``: with the weights of overlapping tiles."""
    weighted = tile * _tent(rect) if fade else tile
    top, left = max(rect.y, 0), max(rect.x, 0)
    bottom, right = min(rect.y + rect.height, result.shape[0]), min(rect.x + rect.width, result.shape[1])
    result[top:bottom, left:right] += weighted[top - rect.y : bottom - rect.y, left - rect.x : right - rect.x]


def _tent(rect: Rect) -> NDArray[np.float32]:
    """Blending weights, (height, width, 1), that sum to 1 over half-overlapping tiles."""
    rise = 1 - np.abs((np.arange(TILE_PX) + 0.5) / (TILE_PX / 2) - 1)
    return np.outer(rise[: rect.height], rise[: rect.width])[..., None].astype(np.float32)


def _render(scene: LayeredScene, rect: Rect, shape: tuple[int, int]) -> RgbLinear:
    outer = scene.border - scene.margin
    rows = slice(rect.y + outer, rect.y + outer + rect.height + 2 * scene.margin)
    columns = slice(rect.x + outer, rect.x + outer + rect.width + 2 * scene.margin)
    backend = scene.backend
    window = Stack(
        scene.stack.planes, *(backend.load(array[..., rows, columns]) for array in scene.stack[1:])
    )
    clip = clip_centre(scene.cats_eye, rect, shape)
    tile = composite(window, lambda coc: blur_kernel(coc, scene.aperture, clip), scene.margin, backend)
    return np.ascontiguousarray(np.moveaxis(backend.fetch(tile), 0, -1))


def clip_centre(cats_eye: float, rect: Rect, shape: tuple[int, int]) -> tuple[float, float]:
    """Centre of the clipping disc: displaced towards the centre of the photo, most in the corners.

    The lens barrel blocks rays on the object's side of the pupil, so that background highlights in the
    corners lose their outer side (Kingslake, *Optics in Photography*, on mechanical vignetting).
    """
    height, width = shape
    x = rect.x + rect.width / 2 - width / 2
    y = rect.y + rect.height / 2 - height / 2
    corner = math.hypot(width, height) / 2
    scale = cats_eye / max(corner, math.hypot(x, y))  # centres of tiles may be outside the photo
    return -x * scale, -y * scale
