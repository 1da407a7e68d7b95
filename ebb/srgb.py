"""sRGB transfer function (IEC 61966-2-1, 5.2) and its inverse.

The pipeline uses tables computed in double precision (:func:`linear_light`, :func:`encode`). Simulation and
rendering evaluate the function in single precision (:func:`decode_srgb`, :func:`encode_srgb`). Both agree to
1e-6.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Rgb, Rgb8, RgbLinear

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Shares of red, green and blue light in luminance."""

Real = TypeVar("Real", np.float32, np.float64)


def to_light(encoded: NDArray[Real]) -> NDArray[Real]:
    """Convert encoded values in [0, 1] to linear light in [0, 1]."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def from_light(light: NDArray[Real]) -> NDArray[Real]:
    """Convert linear light in [0, 1] to encoded values in [0, 1]."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def decode_srgb(photo: Rgb) -> RgbLinear:
    """Convert 8-bit or 16-bit sRGB of any shape to linear light in [0, 1]."""
    return to_light(photo.astype(np.float32) / np.iinfo(photo.dtype).max).astype(np.float32)


def encode_srgb(light: RgbLinear) -> Rgb8:
    """Convert linear light of any shape to 8-bit sRGB, clipped and rounded."""
    return np.asarray(np.rint(srgb_curve(light) * 255), np.uint8)


def srgb_curve(light: RgbLinear) -> NDArray[np.float32]:
    """Convert linear light, clipped to [0, 1], to encoded values in [0, 1]."""
    return from_light(np.clip(light, 0, 1))


def linear_light(photo: Rgb) -> RgbLinear:
    """Convert an 8-bit or 16-bit photo to linear light in [0, 1], with a table."""
    return np.asarray(light_of_codes(int(np.iinfo(photo.dtype).max))[photo])


@cache
def light_of_codes(limit: int) -> NDArray[np.float32]:
    """Linear light of all codes 0 … ``limit``; the limit is 255 (8 bits) or 65535 (16 bits)."""
    return to_light(np.arange(limit + 1) / limit).astype(np.float32)


@cache
def _codes_of_light(limit: int) -> NDArray[Any]:
    """Codes of linear light in 65536 steps; at 8 bits a step is at most 1/20 of a level."""
    codes = np.rint(from_light(np.arange(65536) / 65535) * limit)
    return codes.astype(np.uint8 if limit == 255 else np.uint16)


def encode(light: NDArray[np.float32], limit: int) -> NDArray[Any]:
    """Convert linear light to sRGB codes with a table, clipped and rounded.

    Args:
        light: Linear light of any shape.
        limit: Largest code: 255 for uint8, 65535 for uint16.
    """
    steps = np.clip(light, 0, 1) * np.float32(65535) + np.float32(0.5)
    return np.take(_codes_of_light(limit), steps.astype(np.uint16))
