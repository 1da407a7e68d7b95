"""The sRGB curve (IEC 61966-2-1, 5.2): encoded values to linear light and back."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Real = TypeVar("Real", np.float32, np.float64)


def to_light(encoded: NDArray[Real]) -> NDArray[Real]:
    """Linear light 0 … 1 of encoded values 0 … 1."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def from_light(light: NDArray[Real]) -> NDArray[Real]:
    """Encoded values 0 … 1 of linear light 0 … 1."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


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
    """Photo of linear light: clip, curve, round.

    Args:
        light: Any shape; what is outside 0 … 1 is clipped.
        limit: 255 gives uint8, 65535 uint16.
    """
    steps = np.clip(light, 0, 1) * np.float32(65535) + np.float32(0.5)
    return np.take(_codes_of_light(limit), steps.astype(np.uint16))
