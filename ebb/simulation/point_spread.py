"""Point spread function in the plane of focus: diffraction, lens aberrations, low-pass filter and pixel area.

1. Diffraction at a circular aperture (:func:`ebb.bokeh.thin_lens.diffraction_mtf`).
2. Residual aberrations of a well-corrected lens: a narrow Gaussian.
3. The optical low-pass filter in front of a Bayer sensor: two birefringent plates split every ray into four,
   with the transfer function cos(2π s u) · cos(2π s v) for a displacement of ±s (Greivenkamp, "Color
   dependent optical prefilter for the suppression of aliasing artifacts", Applied Optics 29(5), 1990). At
   s = 1/2 it is zero at the Nyquist frequency.
4. The pixel, which integrates light over its area.

A scene consists of squares of uniform light, one per pixel. The kernel is therefore nonnegative, and a bright
light has no dark ring around it.
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
"""(k, k), k odd, ≥ 0, sum 1: distribution of the light of one scene square over the pixels."""

_STEPS = 16
"""Samples per pixel."""

_PERIOD_PX = 32
"""Width of the field in which the kernel is computed; the tails of diffraction wrap around at its border."""


def focus_kernel(sensor: Sensor, lens: Lens, pixels: PixelGrid) -> Kernel:
    """Point spread function in the plane of focus.

    Args:
        sensor: ``low_pass_shift_px`` and ``lens_blur_px``.
        lens: F-number.
        pixels: The sensor's sampling.

    Returns:
        The kernel, truncated at about two Airy discs from the centre and normalised; one or two per cent of
        the light is beyond that radius.
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
    """Spectrum along one axis of a square of light integrated by a pixel: a triangle two pixels wide."""
    triangle = np.zeros(_STEPS * _PERIOD_PX)
    triangle[: 2 * _STEPS - 1] = np.convolve(np.ones(_STEPS), np.ones(_STEPS)) / _STEPS**2
    return np.fft.fft(np.roll(triangle, 1 - _STEPS)).real


def spread_light(photo: RgbLinear, kernel: Kernel) -> RgbLinear:
    """Convolve an image (height, width, 3) with a kernel; borders are mirrored."""
    import cv2

    return np.asarray(cv2.filter2D(photo, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.float32)
