"""A Bayer sensor: linear light to the numbers a camera stores.

In this order: light fall-off towards the corners, exposure, the camera's colour matrix, the colour filter,
photon and read noise at an ISO, black level, rounding, saturation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebb.errors import UsageError

if TYPE_CHECKING:
    from ebb.arrays import RgbLinear

BayerArray: TypeAlias = NDArray[np.uint16]
"""(height, width), one sensor number a pixel: red, green, green, blue from the top left (RGGB)."""

SRGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Linear sRGB to CIE XYZ, both with the D65 white point (IEC 61966-2-1)."""

RGGB = ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2))
"""Row and column inside the 2 x 2 cell, and the colour plane there."""


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """An APS-C sensor of about 2010, as the defaults say.

    Saturation and read noise are those published for 18-megapixel APS-C bodies: about 25 000 electrons at
    ISO 100; read noise 8.4 e⁻ at ISO 100, where the converter behind the amplifier dominates, and 2.5 e⁻ at
    high ISO.
    """

    black_level: int = 2048
    white_level: int = 15300
    bits: int = 14
    width_mm: float = 22.3
    """Width of the sensor's long side."""
    low_pass_shift_px: float = 0.5
    """How far the optical low-pass filter splits light to each side, along both axes, in pixels; 0: none."""
    lens_blur_px: float = 0.35
    """Standard deviation of what a well-corrected lens adds to diffraction, in pixels; an assumption."""
    saturation_e: float = 24_800.0
    """Electrons at the white level, ISO 100."""
    read_noise_e: float = 2.5
    """Noise before the amplifier, electrons."""
    converter_noise_e: float = 8.0
    """Noise behind the amplifier, in electrons at ISO 100; half as much at ISO 200, and so on."""
    xyz_to_camera: tuple[tuple[float, float, float], ...] = (
        (0.6844, -0.0996, -0.0856),
        (-0.3876, 1.1761, 0.2396),
        (-0.0593, 0.1772, 0.6198),
    )
    """CIE XYZ to camera colour under D65: ColorMatrix1 of a DNG, here that of a Canon EOS 7D."""

    @property
    def srgb_to_camera(self) -> NDArray[np.float64]:
        """Linear sRGB to white-balanced camera colour, (3, 3); every row sums to 1, so white stays white."""
        matrix = np.asarray(self.xyz_to_camera) @ SRGB_TO_XYZ
        return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))

    def full_scale_e(self, iso: float) -> float:
        """Electrons at the white level."""
        return self.saturation_e * 100.0 / iso

    def dark_noise_e(self, iso: float) -> float:
        """Standard deviation of a pixel that gets no light, in electrons."""
        return float(np.hypot(self.read_noise_e, self.converter_noise_e * 100.0 / iso))

    def noise_profile(self, iso: float) -> tuple[float, float]:
        """Scale and offset of the noise variance S·x + O, x from 0 (black) to 1 (white): DNG NoiseProfile."""
        full = self.full_scale_e(iso)
        return 1.0 / full, (self.dark_noise_e(iso) / full) ** 2


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """How one shot is exposed."""

    iso: float = 100.0
    gain_ev: float = 0.0
    """0: diffuse white just fills the green pixels."""
    white_balance: tuple[float, float, float] = (2.07, 1.0, 1.47)
    """What red, green and blue are multiplied by to make white neutral; green is 1."""
    corner_loss: float = 0.0
    """Share of the light that the corners of the frame lose."""


def corner_loss(f_number: float, *, wide_open: float = 0.5, stopped_down: float = 0.05) -> float:
    """Share of light lost in the corners of the frame by a fast 50 mm lens.

    The lens barrel cuts into the pupil, the less the smaller the pupil: the loss above ``stopped_down``
    goes with the pupil's area, from ``wide_open`` at f/1.8.

    Raises:
        UsageError: the f-number is not positive.
    """
    if not f_number > 0:
        raise UsageError(f"f-number {f_number}", hint="it must be positive")
    return stopped_down + (wide_open - stopped_down) * min(1.0, (1.8 / f_number) ** 2)


def vignetting(width: int, height: int, loss: float) -> NDArray[np.float32]:
    """Light that arrives, (height, width): 1 in the middle, 1 − ``loss`` at the centres of the corner pixels.

    The shape is that of the cos⁴ law, 1 / (1 + a r²)² with r the distance from the axis.

    Raises:
        UsageError: the loss is not in 0 … 1.
    """
    if not 0 <= loss < 1:
        raise UsageError(f"corner loss of {loss}", hint="it is a share of the light: from 0 to below 1")
    x = np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2)
    y = np.arange(height, dtype=np.float32) - np.float32((height - 1) / 2)
    radius2 = np.square(x)[None] + np.square(y)[:, None]
    radius2 /= float(radius2[0, 0]) or 1.0
    slope = np.float32(1 / np.sqrt(1 - loss) - 1)
    return np.asarray(np.square(1 + slope * radius2) ** -1, np.float32)


def expose(
    photo: RgbLinear, sensor: Sensor, exposure: Exposure, rng: np.random.Generator | None
) -> BayerArray:
    """Turn light on the sensor into sensor numbers.

    Args:
        photo: (height, width, 3), even sizes, linear sRGB, 1 = diffuse white; as the sensor lies.
        sensor: The sensor.
        exposure: ISO, gain, white balance and fall-off.
        rng: Source of the noise; equal states give equal numbers. ``None``: no noise.

    Returns:
        (height, width), clipped at ``sensor.white_level``.

    Raises:
        UsageError: an odd size, or an ISO or white balance that is not positive.
    """
    height, width = photo.shape[:2]
    _check(width, height, exposure)
    signal = _mosaic(photo, sensor, exposure.white_balance)
    signal *= vignetting(width, height, exposure.corner_loss) * np.float32(2.0**exposure.gain_ev)
    if rng is not None:
        signal = _add_noise(signal, sensor, exposure.iso, rng)
    numbers = sensor.black_level + signal * (sensor.white_level - sensor.black_level)
    return np.clip(np.rint(numbers), 0, sensor.white_level).astype(np.uint16)


def _check(width: int, height: int, exposure: Exposure) -> None:
    if width % 2 or height % 2:
        raise UsageError(f"a Bayer sensor of {width} x {height} pixels", hint="both sides must be even")
    if not (exposure.iso > 0 and min(exposure.white_balance) > 0):
        raise UsageError(
            f"ISO {exposure.iso} with white balance {exposure.white_balance}", hint="both must be positive"
        )


def _mosaic(photo: RgbLinear, sensor: Sensor, balance: tuple[float, float, float]) -> NDArray[np.float32]:
    """What each pixel sees through its filter, 1 = white level. Only the plane it needs is computed."""
    matrix = (sensor.srgb_to_camera / np.asarray(balance)[:, None]).astype(np.float32)
    signal = np.empty(photo.shape[:2], np.float32)
    for row, column, plane in RGGB:
        signal[row::2, column::2] = photo[row::2, column::2] @ matrix[plane]
    return signal


def _add_noise(
    signal: NDArray[np.float32], sensor: Sensor, iso: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Count photons (Poisson) and read them out (Gaussian); 1 = white level before and after.

    Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data",
    IEEE Transactions on Image Processing 17(10), 2008.
    """
    full = sensor.full_scale_e(iso)
    # Far above saturation the count does not matter, and the Poisson generator has an upper limit.
    electrons = rng.poisson(np.clip(signal, 0, 4) * full).astype(np.float32)
    electrons += np.float32(sensor.dark_noise_e(iso)) * rng.standard_normal(signal.shape, np.float32)
    return electrons / np.float32(full)
