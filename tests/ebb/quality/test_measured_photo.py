"""What measurements share of a photo, against the functions that it is made of."""

import numpy as np
import pytest

from ebb.quality.measured_photo import MeasuredPhoto
from ebb.srgb import LUMINANCE, decode_srgb


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_light_and_its_means(dtype: type) -> None:
    """Truth: the sRGB function, and means over blocks by reshaping."""
    codes = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (37, 50, 3)).astype(dtype)
    photo = MeasuredPhoto(codes)
    light = decode_srgb(codes)
    halves = (light @ LUMINANCE)[:36].reshape(18, 2, 25, 2).mean(axis=(1, 3))
    eighths = light[:32, :48].reshape(4, 8, 6, 8, 3).mean(axis=(1, 3))
    assert photo.shape == (37, 50)
    np.testing.assert_allclose(photo.light, light, atol=1e-6)
    np.testing.assert_allclose(photo.half_luminance, halves, atol=1e-6)
    np.testing.assert_allclose(photo.small_light, eighths, atol=1e-6)


def test_each_is_computed_once() -> None:
    photo = MeasuredPhoto(np.zeros((16, 16, 3), np.uint8))
    assert photo.light is photo.light
    assert photo.half_luminance is photo.half_luminance
    assert photo.small_light is photo.small_light
