"""Means and intervals against scipy, and what is left out of them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.errors import UsageError
from ebb_train.metrics.aggregate import estimate, estimate_difference, estimate_share

NAN, INF = float("nan"), float("inf")
VALUES = np.random.default_rng(1).normal(24, 3, 60)


def test_the_interval_is_that_of_scipy() -> None:
    found = estimate(VALUES)
    expected = scipy.stats.bootstrap(
        (VALUES,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(0)
    ).confidence_interval
    assert found.mean == pytest.approx(VALUES.mean())
    assert found.low == pytest.approx(expected.low, abs=0.03)
    assert found.high == pytest.approx(expected.high, abs=0.03)
    assert found.images == 60


def test_the_interval_covers_the_truth_19_times_in_20() -> None:
    rng = np.random.default_rng(5)
    held = [
        (found := estimate(rng.normal(0, 1, 40), resamples=1000)).low < 0 < found.high for _ in range(400)
    ]
    assert 0.90 < np.mean(held) < 0.98


def test_the_same_numbers_give_the_same_interval() -> None:
    assert estimate(VALUES) == estimate(VALUES.tolist())
    assert estimate(VALUES, seed=1) != estimate(VALUES)


def test_drawing_in_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = estimate(VALUES, resamples=101)
    monkeypatch.setattr("ebb_train.metrics.aggregate._BLOCK", 7 * 60)
    assert estimate(VALUES, resamples=101) == whole


def test_equal_pictures_are_left_out_and_counted() -> None:
    found = estimate([20.0, INF, 22.0, NAN, INF])
    assert (found.mean, found.images, found.equal, found.missing) == (21, 2, 2, 1)
    assert 20 <= found.low <= found.high <= 22
    assert str(found).endswith("(2 equal, 1 missing)")


@pytest.mark.parametrize(("values", "mean"), [([], NAN), ([INF, NAN], NAN), ([20.0, INF], 20.0)])
def test_too_few_for_an_interval(values: list[float], mean: float) -> None:
    found = estimate(values)
    assert found.mean == pytest.approx(mean, nan_ok=True)
    assert np.isnan([found.low, found.high]).all()


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30), st.floats(-50, 50))
@settings(max_examples=30, deadline=None)
def test_a_constant_shift_is_measured_exactly(values: list[float], shift: float) -> None:
    base = np.array(values)
    found = estimate_difference(base + shift, base, resamples=50)
    assert [found.mean, found.low, found.high] == pytest.approx([shift] * 3, abs=1e-9)
    mean = estimate(base, resamples=50)
    assert min(values) - 1e-9 <= mean.low <= mean.high <= max(values) + 1e-9


def test_a_paired_interval_is_narrower_than_two_intervals() -> None:
    better = VALUES + np.random.default_rng(2).normal(0.3, 0.1, 60)
    difference = estimate_difference(better, VALUES)
    assert 0.25 < difference.low < 0.3 < difference.high < 0.35
    assert estimate(better).low < estimate(VALUES).high


def test_differences_need_both() -> None:
    found = estimate_difference([1.0, NAN, INF, 5.0, INF], [0.5, 1.0, 2.0, 4.0, INF])
    assert (found.mean, found.images, found.equal, found.missing) == (0.75, 2, 2, 1)
    with pytest.raises(UsageError, match="2 images cannot be paired with 3"):
        estimate_difference([1, 2], [1, 2, 3])
    with pytest.raises(UsageError, match="resamples must be at least 1, not 0"):
        estimate([1.0, 2.0], resamples=0)


@pytest.mark.parametrize(("count", "images"), [(537, 1000), (54, 100), (0, 20), (10, 200), (16, 200)])
def test_the_interval_of_a_share_is_wilson_s(count: int, images: int) -> None:
    found = estimate_share([1.0] * count + [0.0] * (images - count))
    expected = scipy.stats.binomtest(count, images).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found.mean == count / images


def test_pictures_that_were_not_judged_are_no_part_of_a_share() -> None:
    found = estimate_share([1.0, np.nan, 0.0])
    assert (found.mean, found.images, found.missing) == (0.5, 2, 1)
    assert np.isnan(estimate_share([np.nan]).mean)
