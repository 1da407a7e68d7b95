"""From an all-in-focus photo and its depth to the photo a wide aperture would have taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.bokeh.aperture import DISC, Aperture, blur_kernel
from ebb.bokeh.convolution import choose_backend
from ebb.bokeh.inpainting import find_surfaces
from ebb.bokeh.layers import cut, plane_cocs
from ebb.bokeh.tiles import LayeredScene, overhang, paste, tile_rects
from ebb.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import RgbLinear


def render_shallow(
    photo: RgbLinear,
    coc_px: NDArray[np.float32],
    *,
    aperture: Aperture = DISC,
    cats_eye: float = 0.0,
    device: str | None = None,
    workers: int = 0,
) -> RgbLinear:
    """Blur each pixel by its circle of confusion, with nearer surfaces covering farther ones.

    A layered scatter: see :mod:`ebb.bokeh.layers` for how layers cover each other and
    :mod:`ebb.bokeh.inpainting` for what is seen around the edges of a blurred surface. Values above 1
    become bright discs. On one plane all of their light arrives; near the edge of a nearer surface a part is
    covered: of a highlight blurred over 20 pixels 0.97 to 1 arrives from 12 pixels beside an edge, 0.70 to
    0.81 from 4 (``benchmarks/accuracy.py``). Beyond its borders the photo is taken to be mirrored.

    Args:
        photo: (H, W, 3) linear light, sharp everywhere; highlights above 1.
        coc_px: (H, W) signed blur diameter in pixels; negative in front of the plane of focus, else positive.
        aperture: Shape of the aperture.
        cats_eye: How far the barrel cuts into the aperture at the corners, 0 (not) to 1 (its edge passes
            through the middle); exposure stays the same (fall-off belongs to the camera).
        device: None for OpenCV on the CPU, else a torch device such as "cuda".
        workers: Threads; 0: one a core. The result does not depend on it.

    Returns:
        (H, W, 3) linear light.

    Raises:
        UsageError: shapes do not match, a value is not finite, or an option is out of range.
        MissingDependency: a device is named and torch is not installed.
    """
    _check(photo, coc_px, cats_eye)
    backend = choose_backend(device)
    photo, coc = np.asarray(photo, np.float32), np.asarray(coc_px, np.float32)
    if not coc.any():
        return photo.copy()
    planes = plane_cocs(float(coc.min()), float(coc.max()))
    margin = max(len(blur_kernel(planes[0])), len(blur_kernel(planes[-1]))) // 2
    border = margin + overhang(cats_eye)
    stack = cut(find_surfaces(photo, coc), planes, border)
    scene = LayeredScene(stack, margin, border, aperture, cats_eye, backend)
    return paste(scene, tile_rects(coc.shape, cats_eye, whole=device is not None), coc.shape, workers)


def _check(photo: RgbLinear, coc: NDArray[np.float32], cats_eye: float) -> None:
    if photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
        raise UsageError(f"the photo must have the shape (height, width, 3), not {photo.shape}")
    if coc.shape != photo.shape[:2]:
        raise UsageError(
            f"one circle of confusion a pixel is needed: photo {photo.shape[:2]}, coc {coc.shape}"
        )
    if not (np.isfinite(photo).all() and np.isfinite(coc).all()):
        raise UsageError("photo and circles of confusion must be finite")
    if not 0 <= cats_eye <= 1:
        raise UsageError(f"cats_eye must be between 0 and 1, not {cats_eye}")
