"""Depth maps in colours: the colour map of Matplotlib as Depth Anything V2 writes it, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ebb.depthmap.color_coded import as_numbers, colour_map

PUBLISHED = {
    0: (94, 79, 162),
    64: (137, 207, 164),
    127: (254, 254, 190),
    192: (248, 139, 81),
    255: (158, 1, 66),
}
"""Place → colour, all of which are in the depth map of test pair 99 of VABD: it has 256 colours."""


def coloured(numbers: np.ndarray) -> np.ndarray:
    """Blue, green, red of each number."""
    return colour_map()[numbers][..., ::-1].astype(np.uint8)


def test_the_colours_are_those_of_published_maps() -> None:
    assert {place: tuple(colour_map()[place].tolist()) for place in PUBLISHED} == PUBLISHED
    assert len({tuple(colour) for colour in colour_map().tolist()}) == 256


@given(arrays(np.uint8, (5, 7)))
def test_numbers_come_back(numbers: np.ndarray) -> None:
    assert np.array_equal(as_numbers(coloured(numbers)), numbers)
    with_alpha = np.dstack([coloured(numbers), np.full((5, 7), 255, np.uint8)])
    assert np.array_equal(as_numbers(with_alpha), numbers)


@given(arrays(np.uint8, (5, 7)), st.integers(0, 9))
def test_small_changes_find_a_colour_as_near_as_the_true_one(numbers: np.ndarray, seed: int) -> None:
    """Noise of up to 2: the colour found is within 2 of the noisy one, which is within 2 of the true one."""
    noise = np.random.default_rng(seed).integers(-2, 3, (5, 7, 3))
    noisy = np.clip(coloured(numbers).astype(int) + noise, 0, 255).astype(np.uint8)
    found = as_numbers(noisy)
    assert found.ndim == 2
    assert np.abs(coloured(found).astype(int) - coloured(numbers)).max() <= 4


def test_red_is_near() -> None:
    blue, red = coloured(np.array([[0, 255]], np.uint8))[0].tolist()
    assert blue[0] > blue[2]
    assert red[2] > red[0]
    assert as_numbers(np.array([[blue, red]], np.uint8)).tolist() == [[0, 255]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_grey_in_three_channels_is_grey(dtype: type) -> None:
    grey = np.arange(12, dtype=dtype).reshape(3, 4)
    assert np.array_equal(as_numbers(np.dstack([grey] * 3)), grey)
    assert as_numbers(grey) is grey


def test_photos_stay_as_they_are() -> None:
    photo = np.random.default_rng(0).integers(0, 255, (80, 90, 3), np.uint8)
    assert as_numbers(photo) is photo
    deep = photo.astype(np.uint16)
    assert as_numbers(deep) is deep
    two = photo[..., :2]
    assert as_numbers(two) is two
