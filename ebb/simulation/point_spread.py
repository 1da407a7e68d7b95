"""What a point in focus becomes on the pixels: diffraction, the lens, the low-pass filter, the pixel itself.

The chain is that of a digital camera, in the order in which light meets it:

1. diffraction at the round aperture (:func:`ebb.bokeh.thin_lens.diffraction_mtf`);
2. what else a well-corrected lens does, a narrow Gaussian;
3. the optical low-pass filter in front of a Bayer sensor: two birefringent plates split every ray into a
   square of four, which in frequency is cos(2π s u) · cos(2π s v) for a shift s to each side (Greivenkamp,
   "Color dependent optical prefilter for the suppression of aliasing artifacts", Applied Optics 29(5), 1990).
   With s = 1/2 nothing is left of the finest pattern the pixels can hold;
4. the pixel, which collects light over its whole square.

Scenes come as squares of even light, one a pixel. That is why the kernel below is all positive: a bright
light is never surrounded by a dark ring.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebb.bokeh.thin_lens import airy_diameter_px, diffraction_mtf

if TYPE_CHECKING:
    from ebb.arrays import RgbLinear
    from ebb.bokeh.thin_lens import Lens, PixelGrid
    from ebb.simulation.sensor import Sensor

Kernel: TypeAlias = NDArray[np.float32]
"""(k, k), k odd, ≥ 0, sum 1: how the light of one scene square is spread over the pixels around it."""

_STEPS = 16
"""Fine samples a pixel."""

_PERIOD_PX = 32
"""Width of the field the kernel is calculated in; diffraction's wings wrap around at its border."""


def focus_kernel(sensor: Sensor, lens: Lens, pixels: PixelGrid) -> Kernel:
    """The point spread function in the plane of focus.

    Args:
        sensor: ``low_pass_shift_px`` and ``lens_blur_px``.
        lens: F-number.
        pixels: The sensor's sampling.

    Returns:
        The kernel. It ends about two Airy discs from the middle; the share of a per cent or two that
        diffraction throws farther is given to the rest.
    """
    frequency = np.fft.fftfreq(_STEPS * _PERIOD_PX, 1 / _STEPS)
    axis = _squares() * np.cos(2 * np.pi * sensor.low_pass_shift_px * frequency)
    axis *= np.exp(-2 * np.square(np.pi * sensor.lens_blur_px * frequency))
    radial = np.hypot(frequency[:, None], frequency)
    transfer = diffraction_mtf(lens, pixels, radial) * axis[:, None] * axis
    spread = np.fft.fftshift(np.fft.ifft2(transfer).real)[::_STEPS, ::_STEPS]
    middle = _PERIOD_PX // 2
    reach = min(middle - 1, math.ceil(2 * airy_diameter_px(lens, pixels)) + 2)
    kernel = np.maximum(spread[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1], 0)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _squares() -> NDArray[np.float64]:
    """Spectrum along one axis of a square of light seen by a square pixel: a triangle two pixels wide."""
    triangle = np.zeros(_STEPS * _PERIOD_PX)
    triangle[: 2 * _STEPS - 1] = np.convolve(np.ones(_STEPS), np.ones(_STEPS)) / _STEPS**2
    return np.fft.fft(np.roll(triangle, 1 - _STEPS)).real


def spread_light(photo: RgbLinear, kernel: Kernel) -> RgbLinear:
    """Blur an image (height, width, 3) by a kernel, as even what is in focus is; borders are mirrored."""
    import cv2

    return np.asarray(cv2.filter2D(photo, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.float32)
