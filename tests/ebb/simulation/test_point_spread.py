"""The point spread function: its parts one by one, and what it does to the patterns that matter."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.bokeh.thin_lens import Lens, PixelGrid, diffraction_mtf
from ebb.simulation.point_spread import focus_kernel, spread_light
from ebb.simulation.sensor import Sensor

WIDE_OPEN, STOPPED_DOWN = Lens(50.0, 0.5), Lens(50.0, 16.0)
"""f/0.5: as good as no diffraction."""
COARSE, FINE = PixelGrid(22.3, 1296), PixelGrid(22.3, 5184)
SENSOR = Sensor()
BARE = dataclasses.replace(SENSOR, low_pass_shift_px=0.0, lens_blur_px=0.05)


def response(kernel: np.ndarray, cycles_per_px: float) -> float:
    """Contrast left to vertical stripes."""
    x = np.arange(len(kernel)) - len(kernel) // 2
    return float((kernel.sum(axis=0) * np.cos(2 * np.pi * cycles_per_px * x)).sum())


@settings(deadline=None, max_examples=25)
@given(
    shift=st.floats(0, 1),
    blur=st.floats(0, 1),
    f_number=st.floats(1.2, 22),
    width=st.sampled_from([640, 1296, 5184]),
)
def test_light_is_neither_lost_nor_negative_nor_lopsided(
    shift: float, blur: float, f_number: float, width: int
) -> None:
    sensor = dataclasses.replace(SENSOR, low_pass_shift_px=shift, lens_blur_px=blur)
    kernel = focus_kernel(sensor, Lens(50.0, f_number), PixelGrid(22.3, width))
    assert (kernel >= 0).all()
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    for other in (kernel[::-1], kernel[:, ::-1], kernel.T):
        np.testing.assert_allclose(kernel, other, atol=1e-7)


def test_without_filter_and_blur_a_square_of_light_fills_its_pixel() -> None:
    kernel = focus_kernel(BARE, WIDE_OPEN, COARSE)
    assert kernel.max() > 0.9
    assert kernel[len(kernel) // 2, len(kernel) // 2] == kernel.max()


def test_the_filter_makes_four_squares_half_a_pixel_away() -> None:
    """Each overlaps four pixels by a quarter: 1/4 · 1/4 in the corners, 4 · 1/16 in the middle."""
    sensor = dataclasses.replace(BARE, low_pass_shift_px=0.5)
    kernel = focus_kernel(sensor, WIDE_OPEN, COARSE)
    middle = len(kernel) // 2
    expected = np.outer([1, 2, 1], [1, 2, 1]) / 16
    np.testing.assert_allclose(kernel[middle - 1 : middle + 2, middle - 1 : middle + 2], expected, atol=0.01)


def test_the_low_pass_filter_removes_the_nyquist_frequency() -> None:
    assert response(focus_kernel(SENSOR, STOPPED_DOWN, COARSE), 0.5) == pytest.approx(0, abs=1e-3)
    without = dataclasses.replace(SENSOR, low_pass_shift_px=0.0)
    assert response(focus_kernel(without, STOPPED_DOWN, COARSE), 0.5) > 0.25
    stripes = np.tile(np.float32([0, 1]), (20, 20))[..., None].repeat(3, axis=2)
    np.testing.assert_allclose(
        spread_light(stripes, focus_kernel(SENSOR, STOPPED_DOWN, COARSE)), 0.5, atol=2e-3
    )


@pytest.mark.parametrize("cycles_per_px", [0.05, 0.1])
def test_diffraction_at_small_pixels_agrees_with_theory(cycles_per_px: float) -> None:
    """At f/16 and 4.3 µm; finer patterns alias on the pixels, which the formula knows nothing of."""
    with_, without = (focus_kernel(BARE, lens, FINE) for lens in (STOPPED_DOWN, WIDE_OPEN))
    found = response(with_, cycles_per_px) / response(without, cycles_per_px)
    assert found == pytest.approx(float(diffraction_mtf(STOPPED_DOWN, FINE, cycles_per_px)), abs=0.01)


def test_spreading_a_light_keeps_its_energy_and_draws_no_dark_ring() -> None:
    photo = np.full((41, 41, 3), 0.2, np.float32)
    photo[20, 20] = 100
    spread = spread_light(photo, focus_kernel(SENSOR, STOPPED_DOWN, COARSE))
    assert spread.sum() == pytest.approx(photo.sum(), rel=1e-4)
    assert spread.min() > 0.2 - 1e-4
    np.testing.assert_array_equal(spread[..., 0], spread[..., 2])
