from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.bokeh.aperture import Aperture, blur_kernel
from ebb.bokeh.plane_sizes import (
    FULL_SIZE_HALF,
    SMALLEST,
    enlarge,
    half_of,
    reduce,
    reduced_coc,
    reduced_kernel,
    reduction,
)
from ebb.bokeh.spectral import blurred_spectrum, inverse, pair_of, transfer_of

APERTURES = [Aperture(), Aperture(3, 20), Aperture(6, 10)]


@given(coc=st.floats(-300, 300))
def test_halves_are_those_of_the_kernels(coc: float) -> None:
    assert half_of(coc) == len(blur_kernel(coc)) // 2


@given(coc=st.floats(-600, 600), blades=st.sampled_from([0, 3, 6]))
def test_kernels_have_a_bounded_number_of_pixels(coc: float, blades: int) -> None:
    factor = reduction(coc)
    assert factor in {1, 2, 4, 8, 16}
    assert (factor == 1) == (half_of(coc) <= FULL_SIZE_HALF)
    half = half_of(reduced_coc(coc, Aperture(blades)))
    assert half <= FULL_SIZE_HALF + 1 or factor == SMALLEST
    assert factor == 1 or half >= FULL_SIZE_HALF // 2


def test_small_kernels_are_not_changed() -> None:
    np.testing.assert_array_equal(reduced_kernel(-9.5, Aperture(5)), blur_kernel(-9.5, Aperture(5)))


@pytest.mark.parametrize("aperture", APERTURES)
@pytest.mark.parametrize("coc", [17.5, -24.0, 34.0, 50.0, 90.0])
def test_variances_add_up(coc: float, aperture: Aperture) -> None:
    """A point is reduced, blurred and enlarged, averaged over its positions on the grid, along each axis."""
    factor, kernel = reduction(coc), reduced_kernel(coc, aperture)
    assert factor > 1
    size = 48 * factor
    total = 0.0
    for offset in range(factor):
        point = np.zeros((size, size, 3), np.float32)
        place = size // 2 + offset
        point[place, place] = 1
        spectrum = blurred_spectrum(pair_of(reduce(point, factor)), transfer_of(kernel, 48))
        spot = enlarge(inverse(spectrum.red_green), factor)[..., 0].astype(np.float64)
        assert spot.sum() == pytest.approx(1, rel=1e-4)
        total += float((spot.sum(axis=0) * (np.arange(size) - place) ** 2).sum()) / factor
    exact, half = blur_kernel(coc, aperture).astype(np.float64), half_of(coc)
    expected = float((exact.sum(axis=0) * np.arange(-half, half + 1) ** 2).sum())
    assert total == pytest.approx(expected, rel=0.01)


@settings(max_examples=10, deadline=None)
@given(factor=st.sampled_from([2, 4, 8]), level=st.floats(0, 50))
def test_reduction_is_the_mean_and_constants_stay(factor: int, level: float) -> None:
    plane = np.random.default_rng(factor).random((32, 32, 2), dtype=np.float32)
    expected = plane.reshape(32 // factor, factor, 32 // factor, factor, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(reduce(plane, factor), expected, atol=1e-6)
    grey = np.full((8, 8, 2), level, np.float32)
    np.testing.assert_allclose(enlarge(grey, factor), np.full((8 * factor, 8 * factor, 2), level), rtol=1e-6)


def test_pixels_are_enlarged_about_their_centres() -> None:
    ramp = np.repeat(np.arange(12, dtype=np.float32)[None, :, None], 12, axis=0)
    found = enlarge(np.dstack([ramp, ramp]), 4)[20, 16:-16, 0]
    np.testing.assert_allclose(found, (np.arange(16, 32) + 0.5) / 4 - 0.5, atol=0.08)
