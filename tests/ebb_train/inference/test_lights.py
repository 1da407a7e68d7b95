"""Lights beyond white."""

from __future__ import annotations

import numpy as np
import pytest

from ebb.srgb import linear_light
from ebb_train.inference.lights import brighten_lights


def photo() -> np.ndarray:
    """Grey, with a lamp of 3 pixels and a window of 40 x 50."""
    found = np.full((100, 200, 3), 90, np.uint8)
    found[20:23, 20:23] = 255
    found[40:90, 120:160] = 255
    return found


FAR = np.full((100, 200), 12, np.float32)


def gains(image: np.ndarray, coc: np.ndarray, gain: float = 5) -> np.ndarray:
    light = linear_light(image)
    found = brighten_lights(light, image, coc, gain) / light
    assert np.ptp(found, axis=2).max() == pytest.approx(0, abs=1e-5)
    return found[..., 0]


def test_lamps_and_windows() -> None:
    found = gains(photo(), FAR)
    assert found[21, 21] == pytest.approx(5)
    assert 1 < found[60, 140] < 1.2, "an area of 71 lamps"
    assert np.ptp(found[40:90, 120:160]) < 1e-6, "the same to its corners"
    assert found[5, 5] == 1
    assert gains(photo(), FAR, gain=1).max() == 1


@pytest.mark.parametrize("sign", [-1, 1])
def test_what_is_in_focus_stays(sign: int) -> None:
    coc = np.where(np.arange(200) < 100, 0.9, 2).astype(np.float32)[None].repeat(100, axis=0) * sign
    found = gains(photo(), coc)
    assert found[21, 21] == 1
    assert found[60, 140] == pytest.approx((1 + gains(photo(), FAR)[60, 140]) / 2)


@pytest.mark.parametrize(("level", "expected"), [(244, 1), (245, 1), (250, 3), (255, 5)])
def test_brightness_comes_in_gradually(level: int, expected: float) -> None:
    image = photo()
    image[20:23, 20:23] = level
    assert gains(image, FAR)[21, 21] == pytest.approx(expected)


def test_a_colour_that_is_not_clipped_in_all_channels_is_no_light() -> None:
    image = photo()
    image[20:23, 20:23] = [255, 220, 0]
    light = linear_light(image)
    np.testing.assert_array_equal(brighten_lights(light, image, FAR, 5)[:30], light[:30])


def test_a_sky_behind_twigs_is_no_row_of_lamps() -> None:
    """Pieces of 3 x 4 pixels, a pixel apart; a row of three such pieces is."""
    image = np.full((100, 200, 3), 90, np.uint8)
    pieces = image[20:80, 20:100]
    pieces[...] = 255
    pieces[::4], pieces[:, ::5] = 40, 40
    image[50:53, 150:154] = image[50:53, 160:164] = image[50:53, 170:174] = 255
    found = gains(image, FAR)
    assert 1 < found[50, 61] < 1.5
    assert found[51, 151] > 4
