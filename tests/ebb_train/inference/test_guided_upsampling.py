"""Enlargement to the photo's size: detail is added in focus only."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from ebb_train.inference.guided_upsampling import guided_upsample, kept_detail
from ebb_train.pixels import from_unit, to_unit

FACTOR = 4


def photo(seed: int = 0, height: int = 256, width: int = 384) -> np.ndarray:
    """Texture of all sizes down to single pixels."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for step in (1, 2, 4, 16):
        grain = rng.random((height // step, width // step, 3), dtype=np.float32)
        total += cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC) * (1 if step < 16 else 2)
    return from_unit((total / total.max()).astype(np.float32))


def small_of(image: np.ndarray) -> np.ndarray:
    size = (image.shape[1] // FACTOR, image.shape[0] // FACTOR)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def test_the_reduced_photo_gives_the_full_photo() -> None:
    image = photo()
    small = small_of(image)
    carried = guided_upsample(image, small, to_unit(small))
    plain = cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    assert peak_signal_noise_ratio(image, carried) > 50
    assert peak_signal_noise_ratio(image, plain) < 25


def test_a_blurred_picture_stays_blurred() -> None:
    image = photo(1)
    blurred = cv2.GaussianBlur(image, (0, 0), 6 * FACTOR)
    carried = guided_upsample(image, small_of(image), to_unit(small_of(blurred)))
    assert peak_signal_noise_ratio(blurred, carried) > 40


def test_the_border_between_sharp_and_blurred_is_kept() -> None:
    image = photo(2)
    truth = cv2.GaussianBlur(image, (0, 0), 6 * FACTOR)
    truth[:, :192] = image[:, :192]
    small = small_of(image)
    carried = guided_upsample(image, small, to_unit(small_of(truth)))
    near = 5 * FACTOR
    assert peak_signal_noise_ratio(truth[:, : 192 - near], carried[:, : 192 - near]) > 45
    assert peak_signal_noise_ratio(truth[:, 192 + near :], carried[:, 192 + near :]) > 35


def test_a_change_of_colour_is_kept() -> None:
    """The added detail does not undo colour changes of the network."""
    image = photo(3)
    small = small_of(image)
    changed = to_unit(small) * np.float32([0.8, 1, 0.9]) + np.float32([0.1, 0, 0])
    carried = to_unit(guided_upsample(image, small, changed))
    mean = carried.mean(axis=(0, 1)) - changed.mean(axis=(0, 1))
    assert np.abs(mean).max() < 0.002


@given(gain=st.floats(0.1, 1), seed=st.integers(0, 5))
@settings(deadline=None, max_examples=20)
def test_alpha_is_the_square_of_the_remaining_detail(gain: float, seed: int) -> None:
    small = to_unit(photo(seed, 48, 64))
    mean = small.mean(axis=(0, 1), keepdims=True)
    alpha = kept_detail(small, ((small - mean) * gain + mean).astype(np.float32))
    assert alpha.shape == (48, 64)
    assert np.abs(alpha - gain**2).max() < 0.02


def test_alpha_is_between_0_and_1() -> None:
    small = to_unit(photo(4, 48, 64))
    assert kept_detail(small, 2 * small).max() <= 1
    assert kept_detail(small, 1 - small).max() == 0
    flat = np.full_like(small, 0.5)
    assert kept_detail(flat, small).max() < 1
    assert kept_detail(flat, flat).max() == 0


def test_16_bit_precision_is_used() -> None:
    image = photo(5)
    deep = image.astype(np.uint16) * 257
    small = small_of(image)
    assert np.array_equal(
        guided_upsample(deep, small, to_unit(small)), guided_upsample(image, small, to_unit(small))
    )


@pytest.mark.parametrize("size", [(101, 77), (64, 200)])
def test_any_size(size: tuple[int, int]) -> None:
    image = photo(6)[: size[1], : size[0]]
    small = cv2.resize(image, (33, 21), interpolation=cv2.INTER_AREA)
    assert guided_upsample(image, small, to_unit(small)).shape == image.shape
