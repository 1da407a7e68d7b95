"""Rendering of a shallow depth of field from an all-in-focus photo and circles of confusion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.bokeh.aperture import DISC, Aperture, blur_kernel
from ebb.bokeh.convolution import choose_backend
from ebb.bokeh.fast_renderer import render_fast
from ebb.bokeh.inpainting import find_surfaces
from ebb.bokeh.layers import cut, plane_cocs
from ebb.bokeh.tiles import LayeredScene, overhang, paste, tile_rects
from ebb.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import RgbLinear

MAX_BLUR, ALLOWED_PX = 4.0, 512.0
"""Largest circle of confusion, as a multiple of the photo's longer side, and what is allowed for any photo;
kernels are up to twice as large."""


def render_shallow(
    photo: RgbLinear,
    coc_px: NDArray[np.float32],
    *,
    aperture: Aperture = DISC,
    cats_eye: float = 0.0,
    exact: bool = False,
    device: str | None = None,
    workers: int = 0,
) -> RgbLinear:
    """Blur each pixel by its circle of confusion, with occlusion by nearer surfaces.

    :mod:`ebb.bokeh.layers` describes the compositing of the layers, :mod:`ebb.bokeh.inpainting` the surfaces
    that become visible around blurred edges. Energy is conserved on a single plane. Near the edge of a nearer
    surface a part of the light is occluded: a highlight with a blur diameter of 20 pixels keeps 0.97 to 1 of
    its energy at a distance of 12 pixels from the edge, and 0.70 to 0.81 at 4 pixels
    (``benchmarks/accuracy.py``). The photo is mirrored at its borders.

    Args:
        photo: (H, W, 3), linear light, in focus everywhere; highlights may exceed 1.
        coc_px: (H, W), signed blur diameter in pixels, negative in front of the plane of focus.
        aperture: Shape of the aperture.
        cats_eye: Strength of mechanical vignetting at the corners, from 0 (none) to 1 (the clipping edge
            passes through the centre of the aperture). The exposure does not change.
        exact: Blur every plane at full size. By default, planes with a large blur are blurred at reduced
            size (:mod:`ebb.bokeh.fast_renderer`).
        device: PyTorch device such as "cuda", always exact; None: OpenCV on the CPU.
        workers: Number of threads; 0: one per core. The result does not depend on it.

    Returns:
        (H, W, 3), linear light.

    Raises:
        UsageError: shapes do not match, a value is not finite, or an option is out of range.
        MissingDependency: ``device`` is given and PyTorch is not installed.
    """
    _check(photo, coc_px, cats_eye)
    backend = choose_backend(device)
    photo, coc = np.asarray(photo, np.float32), np.asarray(coc_px, np.float32)
    if not coc.any():
        return photo.copy()
    if device is None and not exact:
        return render_fast(photo, coc, aperture, cats_eye, workers)
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
            f"photo and circles of confusion must have the same size, not {photo.shape[:2]} and {coc.shape}"
        )
    if not (np.isfinite(photo).all() and np.isfinite(coc).all()):
        raise UsageError("photo and circles of confusion must be finite")
    largest, most = float(np.abs(coc).max()), max(MAX_BLUR * max(coc.shape), ALLOWED_PX)
    if largest > most:
        raise UsageError(f"the largest circle of confusion is {largest:g} pixels, more than {most:g}")
    if not 0 <= cats_eye <= 1:
        raise UsageError(f"cats_eye must be between 0 and 1, not {cats_eye}")
