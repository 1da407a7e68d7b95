from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import correlate2d

from ebb.bokeh.aperture import Aperture, blur_kernel
from ebb.bokeh.spectral import (
    PackedColour,
    add,
    blurred_spectrum,
    colour_of,
    inverse,
    pair_of,
    scaled,
    transfer_of,
)


def noise(size: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(size).random((size, size, channels), dtype=np.float32)


@pytest.mark.parametrize("kernel", [blur_kernel(5.0), blur_kernel(-8.3, Aperture(5, 20)), blur_kernel(0.5)])
def test_blur_by_spectra_is_correlation(kernel: np.ndarray) -> None:
    """SciPy as the reference; the border of half a kernel holds what is wrapped around."""
    picture, half = noise(32), len(kernel) // 2
    spectrum = blurred_spectrum(pair_of(picture), transfer_of(kernel, 32))
    red_green, blue_weight = (inverse(part) for part in spectrum)
    found = np.dstack([red_green, blue_weight])[half : 32 - half, half : 32 - half]
    for channel in range(3):
        expected = correlate2d(picture[..., channel], kernel, "valid")
        np.testing.assert_allclose(found[..., channel], expected, atol=1e-6)
    np.testing.assert_allclose(found[..., 3], 1, atol=1e-6)


def test_colour_is_light_over_weight() -> None:
    picture = noise(6)
    pair = pair_of(picture)
    np.testing.assert_array_equal(colour_of(pair), picture)
    weights = np.random.default_rng(1).uniform(0.1, 1, (6, 6)).astype(np.float32)
    weighted = scaled(pair, weights)
    np.testing.assert_array_equal(weighted.weight, weights)
    np.testing.assert_allclose(colour_of(weighted), picture, rtol=1e-6)
    np.testing.assert_array_equal(colour_of(PackedColour.zeros(6, 6)), np.zeros((6, 6, 3)))


def test_sums_are_made_in_the_first_pair() -> None:
    first, second = pair_of(noise(4)), pair_of(noise(4))
    total = first.red_green + second.red_green
    assert add(None, second) is second
    assert add(first, second) is first
    np.testing.assert_array_equal(first.red_green, total)
    np.testing.assert_array_equal(first.weight, np.full((4, 4), 2))
