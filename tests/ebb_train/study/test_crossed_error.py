"""The error of a difference over images and raters."""

from __future__ import annotations

import numpy as np
import pytest

from ebb_train.study.crossed_error import crossed_interval
from ebb_train.study.method_comparison import paired_difference
from ebb_train.study.opinion_scores import mean_of_votes
from tests.helpers.crossed_votes import crossed_votes

TRUTH = -0.2


def test_raters_with_own_preferences_widen_the_interval() -> None:
    """Ten raters whose opinions of the methods differ: images alone cover the truth too rarely."""
    rng = np.random.default_rng(0)
    covered = np.zeros(2)
    for _ in range(200):
        votes, _ = crossed_votes(rng, raters=10, images=40, per_rater=40)
        votes += rng.normal(0, 0.3, (2, 1, 10))
        found = crossed_interval(votes[0], votes[1])
        by_image = paired_difference(*mean_of_votes(votes, axis=2))
        assert found.low <= by_image.low
        assert by_image.high <= found.high
        covered += [by_image.low <= TRUTH <= by_image.high, found.low <= TRUTH <= found.high]
    images, both = covered / 200
    assert images < 0.75
    assert both >= 0.93


def test_raters_who_see_one_method_each() -> None:
    """The bias of a rater remains in the difference, because it is in the votes for one method only."""
    rng = np.random.default_rng(1)
    covered = np.zeros(2)
    for _ in range(200):
        votes, _ = crossed_votes(rng, raters=16, images=40, per_rater=40)
        votes[0, :, ::2] = votes[1, :, 1::2] = np.nan
        found = crossed_interval(votes[0], votes[1])
        by_image = paired_difference(*mean_of_votes(votes, axis=2))
        covered += [by_image.low <= TRUTH <= by_image.high, found.low <= TRUTH <= found.high]
    images, both = covered / 200
    assert images < 0.85
    assert both >= 0.93


def test_without_effects_of_raters_it_is_nearly_that_over_images() -> None:
    rng = np.random.default_rng(2)
    ratios = []
    for _ in range(50):
        votes, _ = crossed_votes(rng, raters=40)
        found = crossed_interval(votes[0], votes[1])
        by_image = paired_difference(*mean_of_votes(votes, axis=2))
        ratios.append((found.high - found.low) / (by_image.high - by_image.low))
    assert 1 <= np.mean(ratios) < 1.08


def test_one_vote_per_picture_is_the_paired_test() -> None:
    first, second = np.random.default_rng(3).normal(0, 1, (2, 12, 1))
    found, expected = crossed_interval(first, second), paired_difference(first[:, 0], second[:, 0])
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.p_value == pytest.approx(expected.p_value)


def test_too_little_to_estimate_an_error_from() -> None:
    for votes in (np.ones((2, 1, 3)), np.full((2, 4, 3), np.nan), np.array([[[1.0], [2]], [[2.0], [3]]])):
        found = crossed_interval(votes[0], votes[1])
        assert np.isnan(found.low)
        assert found.p_value == 1
