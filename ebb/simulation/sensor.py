"""Model of a Bayer sensor: from linear light to sensor values.

The steps are vignetting, exposure, colour matrix, colour filter array, photon and read noise at an ISO, black
level, rounding and saturation.
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
"""(height, width), sensor values behind an RGGB colour filter array."""

SRGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Linear sRGB to CIE XYZ, both with the D65 white point (IEC 61966-2-1)."""

RGGB = ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2))
"""Row and column in the 2 x 2 cell, and the index of the colour there."""


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """A Bayer sensor; the defaults describe an APS-C sensor of about 2010.

    Saturation and read noise are the published values of 18-megapixel APS-C cameras: about 25 000 electrons
    at ISO 100; read noise of 8.4 e⁻ at ISO 100, where the analogue-to-digital converter dominates, and 2.5 e⁻
    at high ISO.
    """

    black_level: int = 2048
    white_level: int = 15300
    bits: int = 14
    width_mm: float = 22.3
    """Length of the sensor's longer side in millimetres."""
    low_pass_shift_px: float = 0.5
    """Displacement of the optical low-pass filter along both axes, ± pixels; 0: no filter."""
    lens_blur_px: float = 0.35
    """Standard deviation of the lens's aberrations in pixels (an assumption)."""
    saturation_e: float = 24_800.0
    """Electrons at the white level at ISO 100."""
    read_noise_e: float = 2.5
    """Noise before the amplifier in electrons."""
    converter_noise_e: float = 8.0
    """Noise after the amplifier in electrons at ISO 100; inversely proportional to ISO."""
    xyz_to_camera: tuple[tuple[float, float, float], ...] = (
        (0.6844, -0.0996, -0.0856),
        (-0.3876, 1.1761, 0.2396),
        (-0.0593, 0.1772, 0.6198),
    )
    """CIE XYZ to camera colour under D65: ColorMatrix1 of a DNG, here that of a Canon EOS 7D."""

    @property
    def srgb_to_camera(self) -> NDArray[np.float64]:
        """Linear sRGB to white-balanced camera colour, (3, 3); the rows sum to 1, which preserves white."""
        matrix = np.asarray(self.xyz_to_camera) @ SRGB_TO_XYZ
        return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))

    def full_scale_e(self, iso: float) -> float:
        """Electrons at the white level."""
        return self.saturation_e * 100.0 / iso

    def dark_noise_e(self, iso: float) -> float:
        """Standard deviation of the noise without light, in electrons."""
        return float(np.hypot(self.read_noise_e, self.converter_noise_e * 100.0 / iso))

    def noise_profile(self, iso: float) -> tuple[float, float]:
        """Coefficients S, O of the noise variance S·x + O, x from 0 (black) to 1 (white): NoiseProfile."""
        full = self.full_scale_e(iso)
        return 1.0 / full, (self.dark_noise_e(iso) / full) ** 2


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """Exposure parameters of one shot."""

    iso: float = 100.0
    gain_ev: float = 0.0
    """Exposure in EV; at 0, diffuse white saturates the green pixels."""
    white_balance: tuple[float, float, float] = (2.07, 1.0, 1.47)
    """Multipliers of red, green and blue that make white neutral; green is 1."""
    corner_loss: float = 0.0
    """Fraction of the light lost in the corners of the frame."""


def corner_loss(f_number: float, *, wide_open: float = 0.5, stopped_down: float = 0.05) -> float:
    """Fraction of light lost in the corners of the frame by a fast 50 mm lens.

    Mechanical vignetting decreases with the size of the pupil: the loss in excess of ``stopped_down`` is
    proportional to the pupil's area, and the total is ``wide_open`` at f/1.8.

    Raises:
        UsageError: the f-number is not positive.
    """
    if not f_number > 0:
        raise UsageError(f"the f-number must be positive, not {f_number}")
    return stopped_down + (wide_open - stopped_down) * min(1.0, (1.8 / f_number) ** 2)


def vignetting(width: int, height: int, loss: float) -> NDArray[np.float32]:
    """Relative illumination, (height, width): 1 in the centre, 1 − ``loss`` in the corner pixels.

    It follows the cos⁴ law, 1 / (1 + a r²)², where r is the distance from the optical axis.

    Raises:
        UsageError: the loss is not in [0, 1).
    """
    if not 0 <= loss < 1:
        raise UsageError(f"corner loss must be at least 0 and below 1, not {loss}")
    x = np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2)
    y = np.arange(height, dtype=np.float32) - np.float32((height - 1) / 2)
    radius2 = np.square(x)[None] + np.square(y)[:, None]
    radius2 /= float(radius2[0, 0]) or 1.0
    slope = np.float32(1 / np.sqrt(1 - loss) - 1)
    return np.asarray(np.square(1 + slope * radius2) ** -1, np.float32)


def expose(
    photo: RgbLinear, sensor: Sensor, exposure: Exposure, rng: np.random.Generator | None
) -> BayerArray:
    """Convert light on the sensor to sensor values.

    Args:
        photo: (height, width, 3), even, linear sRGB, 1 is diffuse white; in the orientation of the sensor.
        sensor: The sensor.
        exposure: ISO, gain, white balance and vignetting.
        rng: Random generator of the noise; None: no noise.

    Returns:
        (height, width), clipped at ``sensor.white_level``.

    Raises:
        UsageError: a side is odd, or the ISO or white balance is not positive.
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
    """Signal behind the colour filter array; 1 is the white level."""
    matrix = (sensor.srgb_to_camera / np.asarray(balance)[:, None]).astype(np.float32)
    signal = np.empty(photo.shape[:2], np.float32)
    for row, column, plane in RGGB:
        signal[row::2, column::2] = photo[row::2, column::2] @ matrix[plane]
    return signal


def _add_noise(
    signal: NDArray[np.float32], sensor: Sensor, iso: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Add photon noise (Poisson) and read noise (Gaussian); 1 is the white level.

    Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data",
    IEEE Transactions on Image Processing 17(10), 2008.
    """
    full = sensor.full_scale_e(iso)
    # Clipped far above saturation, as the Poisson generator has an upper limit.
    electrons = rng.poisson(np.clip(signal, 0, 4) * full).astype(np.float32)
    electrons += np.float32(sensor.dark_noise_e(iso)) * rng.standard_normal(signal.shape, np.float32)
    return electrons / np.float32(full)
