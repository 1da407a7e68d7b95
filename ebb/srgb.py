"""The sRGB curve (IEC 61966-2-1, 5.2): encoded values to linear light and back.

The pipeline converts photos by tables that are made in double precision (:func:`linear_light`,
:func:`encode`). Simulation and rendering evaluate the curve in single precision (:func:`decode_srgb`,
:func:`encode_srgb`). The two agree to 1e-6.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Rgb, Rgb8, RgbLinear

Real = TypeVar("Real", np.float32, np.float64)


def to_light(encoded: NDArray[Real]) -> NDArray[Real]:
    """Linear light 0 … 1 of encoded values 0 … 1."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def from_light(light: NDArray[Real]) -> NDArray[Real]:
    """Encoded values 0 … 1 of linear light 0 … 1."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def decode_srgb(photo: Rgb) -> RgbLinear:
    """8 or 16-bit sRGB of any shape to linear light 0 … 1."""
    return to_light(photo.astype(np.float32) / np.iinfo(photo.dtype).max).astype(np.float32)


def encode_srgb(light: RgbLinear) -> Rgb8:
    """Linear light of any shape to 8-bit sRGB: clip, curve, round."""
    return np.asarray(np.rint(srgb_curve(light) * 255), np.uint8)


def srgb_curve(light: RgbLinear) -> NDArray[np.float32]:
    """Linear light, clipped to 0 … 1, to sRGB values 0 … 1."""
    return from_light(np.clip(light, 0, 1))


def linear_light(photo: Rgb) -> RgbLinear:
    """Linear light 0 … 1 of a photo of 8 or 16 bits, by table."""
    return np.asarray(light_of_codes(int(np.iinfo(photo.dtype).max))[photo])


@cache
def light_of_codes(limit: int) -> NDArray[np.float32]:
    """Linear light of every code 0 … ``limit`` of a photo of 8 (255) or 16 bit (65535)."""
    return to_light(np.arange(limit + 1) / limit).astype(np.float32)


@cache
def _codes_of_light(limit: int) -> NDArray[Any]:
    """Codes of 0 … 1 in 65536 steps: at 8 bit a step is at most a twentieth of a level."""
    codes = np.rint(from_light(np.arange(65536) / 65535) * limit)
    return codes.astype(np.uint8 if limit == 255 else np.uint16)


def encode(light: NDArray[np.float32], limit: int) -> NDArray[Any]:
    """Photo of linear light, by table: clip, curve, round.

    Args:
        light: Any shape; what is outside 0 … 1 is clipped.
        limit: 255 gives uint8, 65535 uint16.
    """
    steps = np.clip(light, 0, 1) * np.float32(65535) + np.float32(0.5)
    return np.take(_codes_of_light(limit), steps.astype(np.uint16))
