"""Pairs of colour planes and their Fourier transforms.

Two real planes share each complex transform: red and green, blue and weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


class PackedColour(NamedTuple):
    """Weighted colour and weight of one plane, or the spectra of both."""

    red_green: Floats
    """(H, W, 2)."""
    blue_weight: Floats
    """(H, W, 2)."""

    @classmethod
    def zeros(cls, height: int, width: int) -> PackedColour:
        """No light."""
        return cls(np.zeros((height, width, 2), np.float32), np.zeros((height, width, 2), np.float32))

    @property
    def weight(self) -> Floats:
        """(H, W), a view."""
        return self.blue_weight[..., 1]


def pair_of(rgb: Floats) -> PackedColour:
    """Colour, (H, W, 3), with weight 1."""
    import cv2

    red, green, blue = cv2.split(rgb)
    pairs = ((red, green), (blue, np.ones_like(blue)))
    return PackedColour(*(np.asarray(cv2.merge(pair), np.float32) for pair in pairs))


def colour_of(pair: PackedColour) -> Floats:
    """Colour divided by weight, (H, W, 3)."""
    share = np.maximum(pair.weight, np.float32(1e-6))
    result = np.empty((*share.shape, 3), np.float32)
    for channel in (0, 1):
        np.divide(pair.red_green[..., channel], share, out=result[..., channel])
    np.divide(pair.blue_weight[..., 0], share, out=result[..., 2])
    return result


def add(first: PackedColour | None, second: PackedColour) -> PackedColour:
    """Sum of both, in the arrays of the first."""
    if first is None:
        return second
    for total, part in zip(first, second, strict=True):
        np.add(total, part, out=total)
    return first


def scaled(pair: PackedColour, weights: Floats) -> PackedColour:
    """Product with weights, (H, W)."""
    import cv2

    double = np.asarray(cv2.merge((weights, weights)), np.float32)
    return PackedColour(pair.red_green * double, pair.blue_weight * double)


def transfer_of(kernel: Floats, size: int) -> Floats:
    """Spectrum, (size, size, 2), by which that of a picture is multiplied to correlate it with a kernel.

    The result is aligned with the picture: the middle of the kernel is at the origin.
    """
    import cv2

    half = len(kernel) // 2
    padded = np.zeros((size, size), np.float32)
    padded[: len(kernel), : len(kernel)] = kernel
    centred = np.roll(padded, (-half, -half), (0, 1))
    transfer = np.asarray(cv2.dft(centred, flags=cv2.DFT_COMPLEX_OUTPUT), np.float32)
    transfer[..., 1] *= -1
    return transfer


def blurred_spectrum(pair: PackedColour, transfer: Floats) -> PackedColour:
    """Spectrum of the blurred planes."""
    import cv2

    return PackedColour(
        *(np.asarray(cv2.mulSpectrums(cv2.dft(part), transfer, 0), np.float32) for part in pair)
    )


def inverse(spectrum: Floats) -> Floats:
    """Inverse transform of one part of a pair, (H, W, 2)."""
    import cv2

    return np.asarray(cv2.idft(spectrum, flags=cv2.DFT_SCALE), np.float32)
