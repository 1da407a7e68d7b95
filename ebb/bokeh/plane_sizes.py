"""Blur of large planes at reduced size.

A picture that is blurred by a large disc has little detail finer than a few pixels, except at the edges of
small highlights. Planes whose kernel reaches farther than :data:`FULL_SIZE_HALF` are therefore reduced by a
power of two before they are blurred. All kernels then have a similar number of pixels, and the time hardly
depends on the blur.

Reduction (mean of s × s pixels) and cubic enlargement blur as well: along each axis, their variance is
(s² − 1)/12 − s²/15 px². The kernel of the reduced plane is chosen so that the variances add up to that of the
kernel it replaces.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ebb.bokeh.aperture import DISC, Aperture, blur_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

FULL_SIZE_HALF = 8
"""Largest half of a kernel that is applied at full size, in pixels."""
SMALLEST = 16
"""Largest factor of reduction."""
PAD = 2
"""Reduced pixels on each side that cubic enlargement requires."""


def half_of(coc_px: float) -> int:
    """Half the size of the blur kernel of a signed diameter, in pixels."""
    return max(math.ceil(abs(coc_px) / 2 - 0.5), 0)


def reduction(coc_px: float) -> int:
    """Factor, a power of two, by which a plane is reduced."""
    half = half_of(coc_px)
    factor = 1
    while half > FULL_SIZE_HALF * factor and factor < SMALLEST:
        factor *= 2
    return factor


def reduced_kernel(
    coc_px: float, aperture: Aperture = DISC, clip: tuple[float, float] = (0.0, 0.0)
) -> Floats:
    """Blur kernel for a plane that is reduced by ``reduction(coc_px)``; see :func:`blur_kernel`."""
    return blur_kernel(reduced_coc(coc_px, aperture), aperture, clip)


def reduced_coc(coc_px: float, aperture: Aperture) -> float:
    """Signed blur diameter, in reduced pixels, that gives the variance of the original one."""
    factor = reduction(coc_px)
    if factor == 1:
        return coc_px
    # Variance along any axis of a disc, and of a regular polygon inscribed in it, for a radius of 1.
    shape = (2 + math.cos(2 * math.pi / aperture.blades)) / 12 if aperture.blades else 0.25
    resampling = (factor**2 - 1) / 12 - factor**2 / 15
    variance = shape * (coc_px / 2) ** 2 + 1 / 12 - resampling
    radius = math.sqrt((variance / factor**2 - 1 / 12) / shape)
    return math.copysign(2 * radius, coc_px)


def reduce(plane: Floats, factor: int) -> Floats:
    """Mean of each block of pixels, (H, W, C) → (H / factor, W / factor, C)."""
    import cv2

    height, width = plane.shape[:2]
    size = (width // factor, height // factor)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def enlarge(plane: Floats, factor: int) -> Floats:
    """Cubic interpolation, (H, W, C) → (H · factor, W · factor, C)."""
    import cv2

    height, width = plane.shape[:2]
    size = (width * factor, height * factor)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_CUBIC), np.float32)
