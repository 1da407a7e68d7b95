"""Photos at equal exposure and comparable blur, against direct computation."""

import cv2
import numpy as np
import pytest

from ebb.quality.equal_blur import BLURS, at_equal_blur
from ebb.quality.exposure import ExposureDifference
from ebb.quality.grid import EIGHTH
from ebb.quality.measured_photo import MeasuredPhoto
from ebb.srgb import decode_srgb
from tests.helpers.textured_pairs import FRAME, encoded, texture

GAINS = (0.8, 0.7, 0.6)


def exposure(*gain: float) -> ExposureDifference:
    return ExposureDifference((gain[0], gain[1], gain[2]), (0.0, 0.0), 0.0, 0.0, 1)


def photo(seed: int = 0) -> np.ndarray:
    return encoded(np.stack([texture(seed + channel) for channel in range(3)], axis=-1))


def reduced(codes: np.ndarray) -> np.ndarray:
    rows, columns = FRAME.height // EIGHTH, FRAME.width // EIGHTH
    return decode_srgb(codes).reshape(rows, EIGHTH, columns, EIGHTH, 3).mean(axis=(1, 3))


def test_the_wide_photo_gets_the_exposure_and_each_blur() -> None:
    codes = photo()
    found = at_equal_blur(MeasuredPhoto(codes), MeasuredPhoto(codes), np.eye(3), exposure(*GAINS))
    light = reduced(codes) * np.array(GAINS)
    assert len(found.wide) == len(BLURS)
    for sigma, wide in zip(BLURS, found.wide, strict=True):
        np.testing.assert_allclose(wide, cv2.GaussianBlur(light, (0, 0), sigma), atol=1e-5)
    np.testing.assert_allclose(found.sharp, reduced(codes), atol=1e-5)
    np.testing.assert_allclose(found.shallow, cv2.GaussianBlur(reduced(codes), (0, 0), BLURS[0]), atol=1e-5)
    assert found.usable[5:-5, 5:-5].all()


def test_the_shallow_photo_is_brought_to_the_grid_of_the_wide_one() -> None:
    shift = np.array([[1.0, 0, 16], [0, 1, 0], [0, 0, 1]])
    codes = photo()
    found = at_equal_blur(MeasuredPhoto(codes), MeasuredPhoto(codes), shift, exposure(1, 1, 1))
    np.testing.assert_allclose(found.sharp[:, 2:], reduced(codes)[:, :-2], atol=1e-5)
    assert not found.usable[:, :2].any()
    assert found.usable[5:-5, 8:-5].all()


@pytest.mark.parametrize("gain", [1.0, 3.0])
def test_what_the_exposure_clips_is_clipped(gain: float) -> None:
    codes = photo()
    found = at_equal_blur(MeasuredPhoto(codes), MeasuredPhoto(codes), np.eye(3), exposure(gain, gain, gain))
    assert max(wide.max() for wide in found.wide) <= 1.0 + 1e-6
    assert not found.clips.any()


def test_lights_of_the_wide_photo_are_not_usable_where_they_spread() -> None:
    wide, shallow = photo() // 2, photo() // 2
    cv2.circle(wide, (288, 192), 6, (255, 255, 255), cv2.FILLED)
    cv2.circle(shallow, (288, 192), 40, (255, 255, 255), cv2.FILLED)
    found = at_equal_blur(MeasuredPhoto(wide), MeasuredPhoto(shallow), np.eye(3), exposure(1, 1, 1))
    assert not found.usable[22:26, 34:38].any()
    assert found.usable[5:12, 5:20].all()
    assert found.clips[23:25, 35:37].all()
    assert found.clips.sum() < 16
