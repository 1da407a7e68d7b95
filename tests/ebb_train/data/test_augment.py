"""Crops, turns and flips."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb_train.data.augment import (
    Augment,
    Crop,
    Margins,
    Variation,
    cut,
    draw_variation,
    extend,
    find_margins,
    place_crop,
    rotate_and_flip,
)

AUGMENTS: tuple[Augment, ...] = ("paper", "flips", "none")
ids = st.integers(0, 2**31)


@given(ids, ids, ids, st.sampled_from(AUGMENTS))
@settings(deadline=None, max_examples=30)
def test_a_variation_depends_on_nothing_but_its_arguments(
    seed: int, index: int, epoch: int, a: Augment
) -> None:
    np.random.seed(3)  # noqa: NPY002 - the global generator must not matter
    first = draw_variation(seed, index, epoch, a)
    assert draw_variation(seed, index, epoch, a) == first
    assert 0 <= first.across < 1
    assert 0 <= first.down < 1


def test_seed_sample_and_epoch_each_change_it() -> None:
    places = {
        draw_variation(seed, index, epoch, "none").across
        for seed in range(5)
        for index in range(5)
        for epoch in range(5)
    }
    assert len(places) == 125


def test_the_crop_is_the_same_for_every_way_of_augmenting() -> None:
    for index in range(20):
        assert len({draw_variation(0, index, 0, augment)[:2] for augment in AUGMENTS}) == 1


def test_frequencies_of_rotations_and_flips() -> None:
    drawn = {
        augment: Counter(draw_variation(0, i, 0, augment)[2:] for i in range(1600)) for augment in AUGMENTS
    }
    assert set(drawn["paper"]) == {(turns, flip) for turns in range(4) for flip in ("", "upside_down")}
    assert set(drawn["flips"]) == {(0, ""), (0, "left_right")}
    assert set(drawn["none"]) == {(0, "")}
    for counts in drawn.values():  # five standard deviations of a binomial count
        expected = 1600 / len(counts)
        assert all(abs(count - expected) < 5 * expected**0.5 for count in counts.values())


def test_the_eight_variations_of_the_paper_are_all_different() -> None:
    picture = np.arange(16).reshape(4, 4)
    turned = {
        rotate_and_flip(picture, Variation(0, 0, turns, flip)).tobytes()
        for turns in range(4)
        for flip in ("", "upside_down")
    }
    assert len(turned) == 8


@pytest.mark.parametrize(
    ("variation", "code"),
    [
        (Variation(0, 0, 1, ""), cv2.ROTATE_90_COUNTERCLOCKWISE),
        (Variation(0, 0, 2, ""), cv2.ROTATE_180),
        (Variation(0, 0, 3, ""), cv2.ROTATE_90_CLOCKWISE),
    ],
)
def test_rotations_are_those_of_opencv(variation: Variation, code: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)
    np.testing.assert_array_equal(rotate_and_flip(picture, variation), cv2.rotate(picture, code))


def test_flips_are_those_of_opencv() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)
    np.testing.assert_array_equal(rotate_and_flip(picture, Variation(0, 0, 0, "upside_down")), cv2.flip(picture, 0))
    np.testing.assert_array_equal(rotate_and_flip(picture, Variation(0, 0, 0, "left_right")), cv2.flip(picture, 1))


@given(st.floats(0, 1, exclude_max=True), st.integers(64, 400), st.integers(64, 400), st.sampled_from([2, 4]))
@settings(deadline=None, max_examples=50)
def test_a_crop_is_inside_the_photo_on_whole_steps(share: float, width: int, height: int, step: int) -> None:
    crop = place_crop(Variation(share, share, 0, ""), width, height, 64, step)
    assert crop.x % step == crop.y % step == 0
    assert 0 <= crop.x <= width - 64
    assert 0 <= crop.y <= height - 64


def test_crops_reach_both_ends() -> None:
    assert place_crop(Variation(0.0, 0.0, 0, ""), 96, 64, 64) == Crop(0, 0, 64)
    assert place_crop(Variation(0.999, 0.999, 0, ""), 96, 64, 64) == Crop(32, 0, 64)
    assert place_crop(Variation(0.999, 0.999, 0, ""), 97, 65, 64) == Crop(32, 0, 64)
    assert place_crop(Variation(0.999, 0.999, 0, ""), 98, 66, 64, 4) == Crop(32, 0, 64)
    assert Crop(32, 4, 64).over(4) == Crop(8, 1, 16)


def test_a_photo_that_is_large_enough_is_not_copied() -> None:
    picture = np.zeros((64, 80, 3), np.uint8)
    assert extend(picture, find_margins(80, 64, 64)) is picture


def test_narrow_photos_are_mirrored() -> None:
    assert find_margins(40, 70, 64) == Margins(12, 12, 0, 0)
    assert find_margins(42, 70, 64) == Margins(10, 12, 0, 0)
    assert find_margins(44, 60, 64, 4) == Margins(8, 12, 0, 4)
    assert Margins(8, 12, 0, 4).over(4) == Margins(2, 3, 0, 1)
    row = np.arange(6)[None]
    extended = extend(row, Margins(2, 4, 0, 0))
    assert extended.tolist() == [[1, 0, 0, 1, 2, 3, 4, 5, 5, 4, 3, 2]]


@dataclass(frozen=True)
class Place:
    """A photo whose pixels say where they come from, and its versions of half the size."""

    width: int
    height: int

    def photo(self) -> np.ndarray:
        y, x = np.mgrid[: self.height, : self.width]
        return np.dstack([x, y, x + y]).astype(np.int32)

    def half(self) -> np.ndarray:
        """Each pixel is the mean of the 2 x 2 pixels it lies over; halves are kept by doubling."""
        photo = self.photo()
        return photo[::2, ::2] + photo[1::2, 1::2]


@given(
    st.integers(8, 60).map(lambda n: 2 * n),
    st.integers(8, 60).map(lambda n: 2 * n),
    st.integers(0, 1000),
    st.sampled_from(AUGMENTS),
)
@settings(deadline=None, max_examples=60)
def test_wide_shallow_and_depth_stay_aligned(width: int, height: int, index: int, augment: Augment) -> None:
    """Augmenting the full-size photo and halving it equals augmenting the half-size map."""
    side, place = 64, Place(width, height)
    variation = draw_variation(7, index, 0, augment)
    margins = find_margins(width, height, side)
    crop = place_crop(variation, max(width, side), max(height, side), side)
    wide = rotate_and_flip(cut(extend(place.photo(), margins), crop), variation)
    depth = rotate_and_flip(cut(extend(place.half(), margins.over(2)), crop.over(2)), variation)
    assert wide.shape == (64, 64, 3)
    halved = wide.reshape(32, 2, 32, 2, 3).sum(axis=(1, 3)) / 2
    np.testing.assert_array_equal(depth, halved)
