"""The sensor: fall-off, mosaic, levels, and noise that obeys its own statistics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2xyz

from ebb.errors import UsageError
from ebb.simulation.sensor import SRGB_TO_XYZ, Exposure, Sensor, corner_loss, expose, vignetting

SENSOR = Sensor()
RANGE = SENSOR.white_level - SENSOR.black_level


def grey(level: float, size: int = 256) -> np.ndarray:
    return np.full((size, size, 3), level, np.float32)


def test_white_saturates_green_and_black_stays_black() -> None:
    exposure = Exposure(white_balance=(2.0, 1.0, 1.5))
    mosaic = expose(grey(1.0, 4), SENSOR, exposure, None)
    assert mosaic[0, 1] == mosaic[1, 0] == SENSOR.white_level
    assert mosaic[0, 0] == round(SENSOR.black_level + RANGE / 2.0)
    assert mosaic[1, 1] == round(SENSOR.black_level + RANGE / 1.5)
    assert (expose(grey(0.0, 4), SENSOR, exposure, None) == SENSOR.black_level).all()
    assert (expose(grey(50.0, 4), SENSOR, exposure, None) == SENSOR.white_level).all()


def test_each_pixel_sees_one_colour() -> None:
    """Colours that the camera sees as pure red, green and blue light up only the pixels of that filter."""
    to_srgb = np.linalg.inv(SENSOR.srgb_to_camera)
    seen = []
    for plane in range(3):
        photo = np.broadcast_to(to_srgb[:, plane] * 0.5, (4, 6, 3)).astype(np.float32)
        mosaic = expose(photo, SENSOR, Exposure(white_balance=(1, 1, 1)), None)
        seen.append((mosaic > SENSOR.black_level + 100)[:2, :2].tolist())
    assert seen == [
        [[True, False], [False, False]],
        [[False, True], [True, False]],
        [[False, False], [False, True]],
    ]


def test_one_stop_doubles_the_signal() -> None:
    first, second = (
        expose(grey(0.2, 4), SENSOR, Exposure(gain_ev=ev), None).astype(int) - SENSOR.black_level
        for ev in (0.0, 1.0)
    )
    np.testing.assert_allclose(second, 2 * first, atol=1)


def test_srgb_matrix_agrees_with_scikit_image() -> None:
    np.testing.assert_allclose(SRGB_TO_XYZ, rgb2xyz(np.eye(3)[None])[0].T, atol=1e-4)
    np.testing.assert_allclose(SENSOR.srgb_to_camera.sum(axis=1), 1)


@pytest.mark.parametrize("iso", [100, 800])
@pytest.mark.parametrize("level", [0.02, 0.3])
def test_noise_has_the_specified_mean_and_variance(iso: int, level: float) -> None:
    exposure = Exposure(iso=iso, white_balance=(1, 1, 1))
    clean = (expose(grey(level), SENSOR, exposure, None) - SENSOR.black_level) / RANGE
    noisy = expose(grey(level), SENSOR, exposure, np.random.default_rng(3)).astype(float)
    noisy = (noisy - SENSOR.black_level) / RANGE
    scale, offset = SENSOR.noise_profile(iso)
    rounding = 1 / 12 / RANGE**2
    assert noisy.mean() == pytest.approx(clean.mean(), abs=4 * noisy.std() / 256)
    assert noisy.var() == pytest.approx(scale * level + offset + rounding, rel=0.03)


def test_noise_in_black_goes_below_the_black_level() -> None:
    mosaic = expose(grey(0.0), SENSOR, Exposure(iso=1600), np.random.default_rng(0))
    assert mosaic.mean() == pytest.approx(SENSOR.black_level, abs=1)
    assert mosaic.min() < SENSOR.black_level - 20


def test_equal_seeds_make_equal_noise() -> None:
    one, same, other = (
        expose(grey(0.5, 16), SENSOR, Exposure(), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 40), st.integers(2, 40), st.floats(0, 0.9))
def test_vignetting_falls_from_the_middle_to_the_corners(width: int, height: int, loss: float) -> None:
    light = vignetting(width, height, loss)
    corners = light[[0, 0, -1, -1], [0, -1, 0, -1]]
    np.testing.assert_allclose(corners, 1 - loss, rtol=1e-4)
    np.testing.assert_allclose(light, light[::-1, ::-1], rtol=1e-6)
    assert (light <= 1 + 1e-6).all()
    assert (light >= 1 - loss - 1e-5).all()


def test_vignetting_follows_the_cosine_law() -> None:
    """With the corner at 45° the loss there is 1 − cos⁴ 45° = 3/4, and everywhere else cos⁴ as well."""
    light = vignetting(201, 201, 0.75)
    tangent = np.arange(101) / 100 / np.sqrt(2)
    np.testing.assert_allclose(light[100, 100:], np.cos(np.arctan(tangent)) ** 4, rtol=1e-5)


def test_corner_loss_shrinks_with_the_aperture() -> None:
    assert corner_loss(1.8) == 0.5
    assert corner_loss(1.4) == 0.5
    assert 0.05 < corner_loss(16) < 0.06
    assert corner_loss(2.8, wide_open=0.4, stopped_down=0.1) < corner_loss(2.0, wide_open=0.4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: expose(np.zeros((3, 4, 3), np.float32), SENSOR, Exposure(), None), "must be even"),
        (lambda: expose(grey(0, 4), SENSOR, Exposure(iso=0), None), "must be positive"),
        (lambda: vignetting(4, 4, 1.0), "at least 0 and below 1"),
        (lambda: corner_loss(0), "must be positive"),
    ],
)
def test_values_out_of_range_are_refused(call, message: str) -> None:  # noqa: ANN001
    with pytest.raises(UsageError, match=message):
        call()
