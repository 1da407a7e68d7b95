from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import j0, j1, jn_zeros

from ebb.bokeh.thin_lens import (
    Lens,
    PixelGrid,
    airy_diameter_px,
    coc_px,
    diffraction_mtf,
    image_distance_mm,
    relative_coc_px,
)
from ebb.errors import UsageError

PORTRAIT = Lens(50.0, 1.8)
PIXELS = PixelGrid(36.0, 6000)  # 6 µm
fair = settings(deadline=None, max_examples=40)
focus_distances = st.floats(0.3, 1e4)


def trace(lens: Lens, focus_m: float, depth_m: float) -> float:
    """Signed blur in mm from marginal rays: lens edge, image of the point, sensor."""
    sensor_mm = 1 / (1 / lens.focal_length_mm - 1 / (1000 * focus_m))
    image_mm = 1 / (1 / lens.focal_length_mm - 1 / (1000 * depth_m))
    edge = lens.aperture_mm / 2
    return 2 * edge * (sensor_mm - image_mm) / image_mm


@fair
@given(focus=focus_distances, depth=st.floats(0.2, 1e4), f_number=st.sampled_from([1.4, 1.8, 4.0, 16.0]))
def test_coc_equals_traced_rays(focus: float, depth: float, f_number: float) -> None:
    lens = Lens(50.0, f_number)
    expected = trace(lens, focus, depth) / PIXELS.pitch_mm
    assert float(coc_px(lens, PIXELS, focus, depth)) == pytest.approx(expected, rel=1e-5, abs=1e-4)


def test_coc_is_negative_in_front_zero_in_focus_positive_behind() -> None:
    near, focus, far = coc_px(PORTRAIT, PIXELS, 2.0, [1.0, 2.0, 8.0])
    assert near < 0
    assert focus == 0
    assert far > 0


def test_coc_at_and_focused_on_infinity() -> None:
    depth = np.array([[1.0, 5.0], [100.0, np.inf]])
    assert coc_px(PORTRAIT, PIXELS, 2.0, depth).shape == depth.shape
    limit = coc_px(PORTRAIT, PIXELS, 2.0, math.inf)
    assert float(limit) == pytest.approx(float(coc_px(PORTRAIT, PIXELS, 2.0, 1e9)), rel=1e-6)
    focused_far = coc_px(PORTRAIT, PIXELS, math.inf, depth)
    assert focused_far[1, 1] == 0
    assert (focused_far.ravel()[:3] < 0).all()


def test_coc_textbook_value() -> None:
    # 50 mm f/1.8 at 2 m against infinity: A · f/(s − f) = 27.778 · 50/1950 mm = 0.712 mm = 118.7 px of 6 µm.
    assert float(coc_px(PORTRAIT, PIXELS, 2.0, math.inf)) == pytest.approx(118.7, abs=0.05)


def test_image_distance_at_unit_magnification_is_twice_the_focal_length() -> None:
    one_to_one = 2 * PORTRAIT.focal_length_mm / 1000
    assert image_distance_mm(PORTRAIT, one_to_one) == pytest.approx(100.0)
    assert image_distance_mm(PORTRAIT, math.inf) == 50.0


def test_diffraction_against_the_bessel_function() -> None:
    """The disc's first zero, and its spectrum: the Hankel transform of [2 J₁(πr)/πr]², r in units of λN."""
    lens, wavelength_mm = Lens(50.0, 16.0), 550e-6
    first_zero_mm = float(jn_zeros(1, 1)[0]) / math.pi * wavelength_mm * 16
    assert airy_diameter_px(lens, PIXELS) == pytest.approx(2 * first_zero_mm / PIXELS.pitch_mm, rel=1e-3)
    r = np.linspace(1e-9, 400, 400_001)
    disc = (2 * j1(math.pi * r) / (math.pi * r)) ** 2
    ratios = np.array([0.0, 0.1, 0.5, 0.9, 1.2])
    spectrum = np.array([np.trapezoid(disc * j0(2 * math.pi * ratio * r) * r, r) for ratio in ratios])
    found = diffraction_mtf(lens, PIXELS, ratios * PIXELS.pitch_mm / (wavelength_mm * 16))
    np.testing.assert_allclose(found, spectrum / spectrum[0], atol=2e-3)
    assert found[-1] == 0


def test_diffraction_halves_the_contrast_of_fine_lines_at_f16() -> None:
    """At f/16, lines two pixels (12 µm) wide keep 55 % of their contrast, at f/1.8 95 %."""
    wide, shallow = (float(diffraction_mtf(Lens(50.0, number), PIXELS, 0.25)) for number in (16.0, 1.8))
    assert wide == pytest.approx(0.55, abs=0.01)
    assert shallow == pytest.approx(0.95, abs=0.01)


def test_relative_inverse_depth_matches_metric() -> None:
    depth = np.array([0.7, 1.0, 2.0, 5.0, 50.0])
    inverse = (3 / depth + 11).astype(np.float32)  # unknown scale and offset
    metric = coc_px(PORTRAIT, PIXELS, 2.0, depth)
    gain = (metric[-1] - metric[0]) / (inverse[0] - inverse[-1])
    relative = relative_coc_px(inverse, 3 / 2 + 11, float(gain))
    np.testing.assert_allclose(relative, metric, atol=1e-3 * np.abs(metric).max())
    assert relative.dtype == np.float32


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_invalid_lenses_and_pixels_are_refused(bad: float) -> None:
    with pytest.raises(UsageError, match="focal length"):
        Lens(bad, 2.0)
    with pytest.raises(UsageError, match="f-number"):
        Lens(50.0, bad)
    with pytest.raises(UsageError, match="sensor width"):
        PixelGrid(bad, 100)
    with pytest.raises(UsageError, match="wavelength"):
        airy_diameter_px(PORTRAIT, PIXELS, bad)
    with pytest.raises(UsageError, match="wavelength"):
        diffraction_mtf(PORTRAIT, PIXELS, 0.1, bad)


@pytest.mark.parametrize("focus", [0.05, 0.0, -1.0, math.nan])
def test_focus_must_lie_beyond_the_focal_length(focus: float) -> None:
    with pytest.raises(UsageError, match="focus distance must exceed the focal length"):
        coc_px(PORTRAIT, PIXELS, focus, 1.0)


def test_depth_is_checked() -> None:
    for bad in (0.0, -1.0, math.nan):
        with pytest.raises(UsageError, match="depths must be positive"):
            coc_px(PORTRAIT, PIXELS, 2.0, [1.0, bad])
    with pytest.raises(UsageError, match="finite"):
        relative_coc_px(np.array([1, np.inf], np.float32), 1.0, 1.0)
    with pytest.raises(UsageError, match="gain"):
        relative_coc_px(np.ones(2, np.float32), 1.0, -1.0)
