"""Gain and fall-off, found again where they were put in."""

from __future__ import annotations

import numpy as np
import pytest

from ebb.srgb import decode_srgb, encode_srgb
from ebb_train.baselines.exposure import ExposureGains, fit_exposure, squared_distance
from ebb_train.data.sources import Photos
from tests.helpers.datasets import photos


def exposed(number: int, exposure: ExposureGains) -> Photos:
    wide = photos(number, 240, 160)[0] // 2 + 30
    return Photos(str(number), wide, encode_srgb(exposure.apply(decode_srgb(wide))), None)


@pytest.mark.parametrize(
    "exposure", [ExposureGains(1.2, 1.2), ExposureGains(0.95, 0.5), ExposureGains(1, 1.1)]
)
def test_known_gains_are_recovered(exposure: ExposureGains) -> None:
    found = fit_exposure([exposed(number, exposure) for number in range(3)])
    assert found == pytest.approx(exposure, abs=0.02)


def test_a_lamp_that_only_one_photo_clips_does_not_count() -> None:
    pair = exposed(0, ExposureGains(0.9, 0.6))
    pair.shallow[:12, :60] = 255
    assert fit_exposure([pair]) == pytest.approx((0.9, 0.6), abs=0.03)


def test_gains_without_usable_pixels() -> None:
    assert fit_exposure([]) == (1, 1)
    black = np.zeros((16, 16, 3), np.uint8)
    assert fit_exposure([Photos("a", black, black, None)]) == (0, 0)


def test_distance_runs_from_the_middle_to_the_corners() -> None:
    distance = squared_distance(201, 301)
    assert distance[100, 150] == pytest.approx(0, abs=1e-6)
    assert distance[0, 0] == pytest.approx(1, abs=0.02)
    assert squared_distance(200, 300, 4, 6).shape == (4, 6)
    np.testing.assert_allclose(distance, distance[::-1, ::-1], atol=1e-6)


def test_every_pixel_has_its_gain() -> None:
    light = np.ones((101, 151, 3), np.float32)
    found = ExposureGains(2, 1).apply(light)
    assert found[50, 75] == pytest.approx([2, 2, 2])
    assert found[0, 0] == pytest.approx([1, 1, 1], abs=0.03)
    assert found.dtype == np.float32
