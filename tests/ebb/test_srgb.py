"""The sRGB curve against scikit-image and against itself."""

import numpy as np
import pytest
from skimage.color import rgb2xyz

from ebb.simulation.sensor import SRGB_TO_XYZ
from ebb.srgb import (
    decode_srgb,
    encode,
    encode_srgb,
    from_light,
    light_of_codes,
    linear_light,
    srgb_curve,
    to_light,
)


def test_grey_has_the_luminance_that_scikit_image_gives_it() -> None:
    codes = np.linspace(0, 1, 101)
    luminance = rgb2xyz(np.repeat(codes[:, None, None], 3, axis=2))[:, 0, 1]
    np.testing.assert_allclose(to_light(codes), luminance, atol=1e-4)


def test_encoding_and_decoding_round_trip() -> None:
    light = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(to_light(from_light(light)), light, atol=2e-8)


@pytest.mark.parametrize("limit", [255, 65535])
def test_every_8_bit_code_round_trips(limit: int) -> None:
    codes = np.arange(limit + 1)
    again = encode(light_of_codes(limit), limit)
    assert again.dtype == (np.uint8 if limit == 255 else np.uint16)
    # The curve is steep at black: there 65536 steps of light are not all 16-bit codes.
    assert np.abs(again.astype(int) - codes).max() <= (0 if limit == 255 else 7)


def test_values_out_of_range_are_clipped() -> None:
    assert encode(np.array([-0.5, 0, 1, 7], np.float32), 255).tolist() == [0, 0, 255, 255]


def test_eight_bits_are_rounded_once() -> None:
    light = np.random.default_rng(1).random(10_000).astype(np.float32)
    assert np.abs(encode(light, 255) - 255 * from_light(light.astype(np.float64))).max() < 0.53


def test_colours_agree_with_scikit_image() -> None:
    """scikit-image linearises 8-bit sRGB on the way to XYZ."""
    patches = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_allclose(decode_srgb(patches) @ SRGB_TO_XYZ.T, rgb2xyz(patches), atol=2e-4)


def test_the_round_trip_of_rendering_keeps_every_value() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
    np.testing.assert_array_equal(encode_srgb(decode_srgb(values)), values)
    np.testing.assert_array_equal(encode_srgb(np.array([-1.0, 2.0], np.float32)), [0, 255])
    np.testing.assert_allclose(srgb_curve(np.array([-1.0, 0, 1, 2.0], np.float32)), [0, 0, 1, 1], atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_table_and_curve_agree(dtype: type) -> None:
    codes = np.linspace(0, np.iinfo(dtype).max, 300).astype(dtype).reshape(10, 10, 3)
    np.testing.assert_allclose(linear_light(codes), decode_srgb(codes), atol=1e-6)
