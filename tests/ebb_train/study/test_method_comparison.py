"""Comparison of methods: published numbers, coverage of intervals, ranks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from ebb.errors import UsageError
from ebb_train.study.method_comparison import (
    compare_methods,
    holm,
    mean_interval,
    paired_difference,
    two_way_bootstrap,
)
from ebb_train.study.opinion_scores import mean_of_votes
from tests.helpers.crossed_votes import crossed_votes
from tests.helpers.study_oracles import VOTES, numbers

GROUPS = np.array([mean_of_votes(VOTES[4 * group : 4 * group + 4, :11], axis=0) for group in range(5)])
"""Means of five groups of stimuli for each of the first eleven raters."""


def test_paired_tests_are_those_of_the_oracle() -> None:
    found = [paired_difference(first, second) for first, second in pairwise(GROUPS)]
    t = numbers("−3.63361 −6.708204 −5.519747 −6.324555")
    np.testing.assert_allclose([one.t for one in found], t, atol=1.001e-6)
    p = [0.00458506, 5.31e-5, 2.5464e-4, 8.63e-5]
    np.testing.assert_allclose([one.p_value for one in found], p, rtol=5e-4)
    wilcoxon = numbers(".009766 .000977 .001953 .000977")
    np.testing.assert_allclose([one.p_wilcoxon for one in found], wilcoxon, atol=1.001e-6)


def test_friedman_is_that_of_the_oracle() -> None:
    found = compare_methods(GROUPS[:, :, None], list("abcde"), resamples=0)
    assert found.friedman == pytest.approx(41.963636, abs=1e-6)
    assert found.p_friedman == pytest.approx(1.69737e-8, rel=1e-5)


def test_holm_is_that_of_the_oracle() -> None:
    assert holm([0.001, 0.012, 0.03, 0.04]) == pytest.approx([0.004, 0.036, 0.06, 0.06])
    assert holm([]) == []


def test_intervals_cover_the_true_difference() -> None:
    """Pooled votes cover it in three quarters of the studies, images and the bootstrap in 95 %."""
    rng = np.random.default_rng(11)
    covered = np.zeros(4)
    studies = 60
    for _ in range(studies):
        votes, truth = crossed_votes(rng)
        found = compare_methods(votes, ["a", "b"], resamples=120).differences[0]
        own = [one[np.isfinite(one)] for one in votes]
        half_width = 1.96 * np.sqrt(sum(one.var(ddof=1) / one.size for one in own))
        pooled = abs(own[0].mean() - own[1].mean() - truth) <= half_width
        covered += [
            pooled,
            found.low <= truth <= found.high,
            found.crossed_low <= truth <= found.crossed_high,
            found.bootstrap_low <= truth <= found.bootstrap_high,
        ]
    pooled_share, by_image, crossed, bootstrap = covered / studies
    assert pooled_share < 0.88
    assert by_image >= 0.93
    assert crossed >= 0.93
    assert bootstrap >= 0.93


def test_methods_that_are_not_separated_share_a_rank() -> None:
    rng = np.random.default_rng(0)
    means = np.array([2.0, 1.0, 1.02, 3.0])[:, None, None]
    votes = means + rng.normal(0, 0.6, (4, 50, 8))
    found = compare_methods(votes, ["c", "a", "b", "d"], resamples=50)
    assert {one.name: one.rank for one in found.scores} == {"a": 1, "b": 1, "c": 3, "d": 4}
    assert not found.of("a", "b").is_significant
    turned = found.of("b", "a")
    assert (turned.difference, turned.low) == (-found.of("a", "b").difference, -found.of("a", "b").high)
    assert turned.bootstrap_high == -found.of("a", "b").bootstrap_low
    with pytest.raises(UsageError, match="no pair"):
        found.of("a", "x")


def test_only_images_with_both_methods_are_compared() -> None:
    votes = np.array([[[1.0], [2], [np.nan], [1]], [[2.0], [4], [0], [np.nan]]])
    found = compare_methods(votes, ["a", "b"], resamples=10)
    assert found.differences[0].num_images == 2
    assert found.differences[0].difference == -1.5
    assert [one.num_images for one in found.scores] == [3, 3]
    assert np.isnan(found.friedman)


def test_without_variation_or_images_nothing_is_separated() -> None:
    same = compare_methods(np.array([[[1.0], [1]], [[2.0], [2]]]), ["a", "b"], resamples=5)
    assert same.differences[0].p_value == 1
    assert np.isnan(same.differences[0].low)
    assert [one.rank for one in same.scores] == [1, 1]
    none = compare_methods(np.full((2, 3, 2), np.nan), ["a", "b"], resamples=5)
    assert np.isnan(none.scores[0].mos)
    assert none.differences[0].num_images == 0
    assert np.isnan(none.differences[0].bootstrap_low)
    assert mean_interval(np.array([2.0]))[0] == 2


def test_the_bootstrap_is_seeded_and_can_be_left_out() -> None:
    votes, _ = crossed_votes(np.random.default_rng(1))
    first, again, other = (two_way_bootstrap(votes, [(0, 1)], 50, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert np.isnan(two_way_bootstrap(votes, [(0, 1)], 0)[0][0])
    with pytest.raises(UsageError, match="at least 0"):
        two_way_bootstrap(votes, [(0, 1)], -1)


def test_other_shapes_are_refused() -> None:
    for votes, methods in (
        (np.ones((2, 3)), ["a", "b"]),
        (np.ones((2, 3, 4)), ["a"]),
        (np.ones((2, 3, 4)), ["a", "a"]),
    ):
        with pytest.raises(UsageError, match="do not belong"):
            compare_methods(votes, methods)
    with pytest.raises(UsageError, match="cannot be paired"):
        paired_difference([1.0], [1.0, 2.0])
