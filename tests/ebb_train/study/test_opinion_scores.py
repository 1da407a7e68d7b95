"""Mean opinion scores and models of raters, against published numbers."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from ebb.errors import InvalidInput, MissingDependency, UsageError
from ebb_train.study.opinion_scores import (
    ROUNDING_VARIANCE,
    alternating_projection,
    mean_opinion_scores,
    remove_bias,
    sos_parameter,
)
from tests.helpers import study_oracles as oracle

SIX_DIGITS = 1.001e-6  # the numbers are rounded in the sixth


def test_means_and_intervals_are_those_of_the_oracle() -> None:
    found = mean_opinion_scores(oracle.VOTES)
    np.testing.assert_allclose(found.mos, oracle.MOS, atol=SIX_DIGITS)
    np.testing.assert_allclose(found.half_width, oracle.HALF_WIDTH, atol=SIX_DIGITS)
    assert found.num_votes.sum() == np.isfinite(oracle.VOTES).sum() == 237
    np.testing.assert_allclose(
        mean_opinion_scores(oracle.VOTES[:, :11]).mos, oracle.MOS_WITHOUT_LAST, atol=SIX_DIGITS
    )


def test_alternating_projection_is_that_of_the_oracle() -> None:
    found = alternating_projection(oracle.VOTES)
    assert found.rounds == 23
    np.testing.assert_allclose(found.quality, oracle.QUALITY, atol=SIX_DIGITS)
    np.testing.assert_allclose(found.se, oracle.QUALITY_SE, atol=SIX_DIGITS)
    np.testing.assert_allclose(found.bias, oracle.BIAS, atol=SIX_DIGITS)
    np.testing.assert_allclose(found.inconsistency, oracle.INCONSISTENCY, atol=SIX_DIGITS)
    expected = np.full(20, 0.13503)
    expected[[2, 9, 15]] = 0.137022, 0.140842, 0.138212
    np.testing.assert_allclose(found.se_by_weights, expected, atol=SIX_DIGITS)


def test_the_estimate_does_not_collapse_onto_one_rater() -> None:
    """A rater who happens to vote the mean everywhere would get all of the weight without a lower limit."""
    rng = np.random.default_rng(3)
    truth = np.repeat(np.arange(4.0), 3)
    votes = np.clip(np.round(truth[:, None] + rng.normal(0, 0.6, (12, 10))), 0, 4)
    votes[:, 0] = truth
    collapsed = projection_without_limit(votes)
    closest = int(np.abs(votes - collapsed[:, None]).max(axis=0).argmin())
    assert np.abs(votes[:, closest] - collapsed - (votes[:, closest] - collapsed).mean()).max() < 1e-3
    found = alternating_projection(votes)
    residual = votes - found.quality[:, None]
    assert np.abs(residual - residual.mean(axis=0)).max(axis=0).min() > 0.05, "no rater is the estimate"
    weights = 1 / np.maximum(found.inconsistency**2, ROUNDING_VARIANCE)
    assert weights.max() / weights.sum() < 0.35


def projection_without_limit(votes: np.ndarray) -> np.ndarray:
    """The same iteration with the weight 1 / (σ² + 1e-8) of the reference code."""
    quality = votes.mean(axis=1)
    bias = (votes - quality[:, None]).mean(axis=0)
    for _ in range(1000):
        residual = votes - quality[:, None] - bias
        weights = 1 / (residual.var(axis=0) + 1e-8)
        quality = (votes - bias) @ weights / weights.sum()
        bias = (votes - quality[:, None]).mean(axis=0)
    return np.asarray(quality + bias.mean())


def test_known_biases_and_spreads_are_recovered() -> None:
    rng = np.random.default_rng(1)
    truth, bias = rng.uniform(1, 3, 200), np.array([-0.6, -0.2, 0.0, 0.3, 0.5])
    spread = np.array([0.3, 0.5, 0.8, 1.2, 0.6])
    votes = truth[:, None] + bias + rng.normal(0, 1, (200, 5)) * spread
    votes[rng.random(votes.shape) < 0.1] = np.nan
    found = alternating_projection(votes)
    np.testing.assert_allclose(found.bias, bias - bias.mean(), atol=0.15)
    np.testing.assert_allclose(found.inconsistency, spread, atol=0.15)
    error = np.abs(found.quality - truth - bias.mean()).mean()
    assert error < 0.9 * np.abs(np.nanmean(votes, axis=1) - truth - bias.mean()).mean()


def test_raters_without_common_stimuli_are_refused() -> None:
    votes = np.full((4, 4), np.nan)
    votes[:2, :2], votes[2:, 2:] = 1.0, 2.0
    with pytest.raises(InvalidInput, match="2 groups without a common stimulus"):
        alternating_projection(votes)


def test_bias_removal_keeps_the_mean_and_aligns_the_raters() -> None:
    votes = np.array([[0.0, 1, np.nan], [2, 3, 2], [3, 4, 2]])
    found = remove_bias(votes)
    assert np.isnan(found[0, 2])
    np.testing.assert_allclose(found[:, 0] - votes[:, 0], (found - votes)[0, 0])
    full = remove_bias(votes[:, :2])
    np.testing.assert_allclose(full[:, 0], full[:, 1])


def test_spread_of_opinions() -> None:
    assert sos_parameter(oracle.VOTES) == pytest.approx(0.226825, abs=SIX_DIGITS)
    assert np.isnan(sos_parameter(np.array([[0.0, 0], [4, 4]])))
    assert np.isnan(sos_parameter(np.array([[1.0, np.nan]])))


def test_stimuli_without_enough_votes_have_no_interval() -> None:
    found = mean_opinion_scores(np.array([[1.0, np.nan], [np.nan, np.nan]]))
    assert found.mos[0] == 1
    assert np.isnan(found.mos[1])
    assert np.isnan(found.half_width).all()
    assert np.isnan(found.sd).all()


@pytest.mark.parametrize(
    ("votes", "message"),
    [([1.0, 2], "1 dimensions"), ([[np.inf]], "must be finite"), ([[1.0, np.nan]], "no vote")],
)
def test_other_votes_are_refused(votes: list[float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        alternating_projection(np.array(votes))


def test_a_missing_scipy_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(MissingDependency, match=r"SciPy is not installed .*\[study\]"):
        mean_opinion_scores(oracle.VOTES)
