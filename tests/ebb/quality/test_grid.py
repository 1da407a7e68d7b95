"""Blocks against their definition, and the motion between blocks against the motion between pixels."""

import cv2
import numpy as np
import pytest

from ebb.quality.grid import between_blocks, blocks, tile_means


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.bool_])
def test_blocks_are_means(dtype: type) -> None:
    photo = (np.random.default_rng(0).uniform(0, 2, (19, 26)) * 100).astype(dtype)
    expected = photo[:16, :24].astype(float).reshape(4, 4, 6, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(blocks(photo, 4), expected, rtol=1e-5)


def test_colour_channels_are_independent() -> None:
    photo = np.arange(8 * 8 * 3, dtype=np.float32).reshape(8, 8, 3)
    np.testing.assert_allclose(blocks(photo, 8)[0, 0], photo.mean(axis=(0, 1)))


def test_a_photo_smaller_than_a_block_has_none() -> None:
    assert blocks(np.zeros((5, 20), np.uint8), 8).shape == (0, 2)


def test_motion_between_blocks_is_that_between_pixels() -> None:
    H = np.array([[1.01, -0.02, 13.0], [0.015, 0.99, -7.0], [1e-5, -2e-5, 1.0]])
    place = np.array([[[20.0, 30.0]]])
    full = 8 * place + 3.5  # the centre of a block of 8 x 8
    expected = (cv2.perspectiveTransform(full, H) - 3.5) / 8
    np.testing.assert_allclose(cv2.perspectiveTransform(place, between_blocks(H, 8)), expected)


def test_tiles_of_32_pixels_are_16_of_a_half() -> None:
    half = np.arange(32 * 50, dtype=np.float32).reshape(32, 50)
    expected = half[:, :48].reshape(2, 16, 3, 16).mean(axis=(1, 3))
    np.testing.assert_allclose(tile_means(half), expected, rtol=1e-6)
