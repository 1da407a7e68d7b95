"""Thin-lens model: circles of confusion and diffraction.

Distances are measured from the lens along its axis, in metres, and may be infinite. From the lens equation
1/f = 1/s + 1/v, a lens of focal length f and aperture diameter A = f/N that is focused at distance s images a
point at distance z as a blur disc of diameter (Potmesil & Chakravarty, "Synthetic image generation with a
lens and aperture camera model", ACM TOG 1982)::

    c = A · v · (1/s − 1/z),    v = f / (1 − f/s)

The diameter is linear in inverse depth, so a single gain converts relative inverse depth to blur.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ebb.arrays import InverseDepth

GREEN_NM = 550.0
"""Wavelength near the peak of daylight vision, in nanometres."""


@dataclass(frozen=True)
class Lens:
    """An ideal lens.

    Attributes:
        focal_length_mm: Focal length f in millimetres.
        f_number: F-number N, focal length over the diameter of the entrance pupil.

    Raises:
        UsageError: a value is not positive and finite.

    Examples:
        >>> ebb.Lens(focal_length_mm=50, f_number=2).aperture_mm
        25.0
    """

    focal_length_mm: float
    f_number: float

    def __post_init__(self) -> None:
        _check_positive("focal length (mm)", self.focal_length_mm)
        _check_positive("f-number", self.f_number)

    @property
    def aperture_mm(self) -> float:
        """Diameter of the entrance pupil in millimetres: A = f / N."""
        return self.focal_length_mm / self.f_number


@dataclass(frozen=True)
class PixelGrid:
    """Sampling of the sensor: ``width_px`` square pixels over ``width_mm``.

    Raises:
        UsageError: a value is not positive and finite.
    """

    width_mm: float
    width_px: int

    def __post_init__(self) -> None:
        _check_positive("sensor width (mm)", self.width_mm)
        _check_positive("sensor width (px)", self.width_px)

    @property
    def pitch_mm(self) -> float:
        """Distance between pixel centres in millimetres."""
        return self.width_mm / self.width_px


def _check_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise UsageError(f"{name} must be positive and finite, not {value}")


def _check_focus(lens: Lens, focus_distance_m: float) -> None:
    if not focus_distance_m > lens.focal_length_mm / 1000:
        raise UsageError(
            f"focus distance must exceed the focal length ({lens.focal_length_mm} mm): {focus_distance_m} m",
            hint="distances are in metres; infinity is math.inf",
        )


def image_distance_mm(lens: Lens, focus_distance_m: float) -> float:
    """Distance v from lens to sensor when focused at s: 1/v = 1/f − 1/s (Hecht, *Optics*, section 5.2.3).

    Raises:
        UsageError: the focus distance does not exceed the focal length.
    """
    _check_focus(lens, focus_distance_m)
    return lens.focal_length_mm / (1 - lens.focal_length_mm / (1000 * focus_distance_m))


def coc_px_per_dioptre(lens: Lens, pixels: PixelGrid, focus_distance_m: float) -> float:
    """Blur diameter in pixels per dioptre (1/m) of distance from the plane of focus: A · v.

    Raises:
        UsageError: the focus distance does not exceed the focal length.
    """
    return lens.aperture_mm * image_distance_mm(lens, focus_distance_m) / 1000 / pixels.pitch_mm


def coc_px(lens: Lens, pixels: PixelGrid, focus_distance_m: float, depth_m: ArrayLike) -> NDArray[np.float32]:
    """Signed diameter of the blur disc: negative in front of the plane of focus, positive behind it.

    Args:
        lens: The lens.
        pixels: The sensor's sampling.
        focus_distance_m: Distance of the plane of focus; may be infinite.
        depth_m: Distances in metres, any shape, > 0; may be infinite.

    Returns:
        Diameters in pixels, same shape: c = A · v · (1/s − 1/z) (see the module docstring).

    Raises:
        UsageError: the focus distance does not exceed the focal length, or a depth is not positive.
    """
    depth = np.asarray(depth_m, np.float64)
    if not np.all(depth > 0):
        raise UsageError("depths must be positive", hint="infinity is allowed, zero and NaN are not")
    gain = coc_px_per_dioptre(lens, pixels, focus_distance_m)
    return (gain * (1 / focus_distance_m - 1 / depth)).astype(np.float32)


def relative_coc_px(
    inverse_depth: InverseDepth, focus_inverse_depth: float, gain_px: float
) -> NDArray[np.float32]:
    """Signed blur diameter from relative inverse depth.

    Relative inverse depth is d = p/z + q with unknown p > 0 and q. Blur is linear in 1/z, so that with
    a = A·v/p it is c = a · (d_focus − d): q cancels, and p, lens and sensor combine to one gain.

    Args:
        inverse_depth: Inverse depth, any shape, larger is nearer.
        focus_inverse_depth: Inverse depth of the plane of focus.
        gain_px: Blur diameter in pixels per unit of inverse depth, ≥ 0.

    Returns:
        Diameters in pixels, same shape: negative in front of the plane of focus, positive behind it.

    Raises:
        UsageError: a value is not finite, or the gain is negative.
    """
    if not (math.isfinite(gain_px) and gain_px >= 0 and math.isfinite(focus_inverse_depth)):
        raise UsageError(f"gain ({gain_px}) must be at least 0 and focus ({focus_inverse_depth}) finite")
    if not np.all(np.isfinite(inverse_depth)):
        raise UsageError("inverse depth must be finite", hint="infinity is 0 in inverse depth")
    difference = focus_inverse_depth - np.asarray(inverse_depth, np.float64)
    return (gain_px * difference).astype(np.float32)


def airy_diameter_px(lens: Lens, pixels: PixelGrid, wavelength_nm: float = GREEN_NM) -> float:
    """Diameter of the Airy disc in pixels, focused at infinity: 2.44 λ N (Hecht, section 10.2.5).

    Raises:
        UsageError: the wavelength is not positive.
    """
    _check_positive("wavelength (nm)", wavelength_nm)
    return 2.44 * wavelength_nm * 1e-6 * lens.f_number / pixels.pitch_mm


def diffraction_mtf(
    lens: Lens, pixels: PixelGrid, cycles_per_px: ArrayLike, wavelength_nm: float = GREEN_NM
) -> NDArray[np.float64]:
    """Modulation transfer function of a diffraction-limited circular aperture, focused at infinity.

    2/π · (arccos ν − ν √(1 − ν²)), where ν is the frequency relative to the cut-off 1/(λN) (Goodman,
    *Introduction to Fourier Optics*, section 6.3).

    Args:
        lens: The lens.
        pixels: The sensor's sampling.
        cycles_per_px: Spatial frequencies ≥ 0, any shape.
        wavelength_nm: Wavelength in nanometres.

    Raises:
        UsageError: the wavelength is not positive.
    """
    _check_positive("wavelength (nm)", wavelength_nm)
    cut_off = pixels.pitch_mm / (wavelength_nm * 1e-6 * lens.f_number)
    ratio = np.minimum(np.asarray(cycles_per_px, np.float64) / cut_off, 1)
    return np.asarray(2 / np.pi * (np.arccos(ratio) - ratio * np.sqrt(1 - ratio**2)))
