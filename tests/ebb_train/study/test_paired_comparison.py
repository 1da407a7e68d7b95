"""Scores from pairs, against choix, published numbers, and repeated simulation."""

from __future__ import annotations

import choix
import numpy as np
import pytest

from ebb.errors import InvalidInput, UsageError
from ebb_train.study.paired_comparison import bradley_terry, pair_scores, thurstone
from tests.helpers.study_oracles import WINS, numbers

SIX_DIGITS = 1.001e-6


def test_bradley_terry_is_that_of_the_oracle() -> None:
    found = bradley_terry(WINS)
    np.testing.assert_allclose(found.scores, numbers(".509892 .073984 −.470407 −.113469"), atol=SIX_DIGITS)
    np.testing.assert_allclose(found.se, numbers(".380425 .368014 .358030 .365123"), atol=SIX_DIGITS)
    assert found.log_likelihood == pytest.approx(-24.118918, abs=SIX_DIGITS)
    assert found.scores[0] - found.scores[1] == pytest.approx(0.435908, abs=SIX_DIGITS)
    assert found.se_of_difference(0, 1) == pytest.approx(0.634205, abs=SIX_DIGITS)
    assert found.added_wins == 0


def test_thurstone_is_that_of_the_oracle() -> None:
    found = thurstone(WINS)
    np.testing.assert_allclose(found.scores, numbers(".307472 .048536 −.281569 −.074438"), atol=SIX_DIGITS)
    np.testing.assert_allclose(found.se, numbers(".231722 .228125 .218832 .226296"), atol=SIX_DIGITS)
    assert pair_scores(WINS, "thurstone").log_likelihood == found.log_likelihood
    assert pair_scores(WINS, "bradley-terry").log_likelihood != found.log_likelihood


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_choix(seed: int) -> None:
    rng = np.random.default_rng(seed)
    wins = rng.integers(1, 30, (6, 6)).astype(float)
    np.fill_diagonal(wins, 0)
    pairs = [(i, j) for i in range(6) for j in range(6) for _ in range(int(wins[i, j]))]
    expected = choix.opt_pairwise(6, pairs, tol=1e-10)
    np.testing.assert_allclose(bradley_terry(wins).scores, expected - expected.mean(), atol=1e-5)


def test_errors_are_those_of_repeated_votes() -> None:
    """The spread over simulated repetitions; errors of a reference tool differ by up to a quarter."""
    rng = np.random.default_rng(0)
    truth = np.array([0.6, 0.1, -0.2, -0.5])
    probability = 1 / (1 + np.exp(truth - truth[:, None]))
    upper = np.triu(np.ones((4, 4)), 1).astype(bool)
    found = []
    for _ in range(400):
        won = np.where(upper, rng.binomial(60, probability), 0)
        found.append(bradley_terry(won + np.where(upper, 60 - won, 0).T))
    spread = np.std([one.scores for one in found], axis=0, ddof=1)
    np.testing.assert_allclose(np.mean([one.se for one in found], axis=0), spread, rtol=0.08)
    wrong = numbers(".2899 .3822 .4174 .3841")
    assert (np.abs(wrong - bradley_terry(WINS).se) > 0.01).all()


def test_an_estimate_that_would_be_infinite_gets_half_a_win_and_says_so() -> None:
    found = bradley_terry(np.array([[0.0, 5, 5], [0, 0, 3], [0, 2, 0]]))
    assert found.added_wins == 0.5
    assert np.isfinite(found.scores).all()
    assert found.scores.argmax() == 0
    assert found.scores.sum() == pytest.approx(0)
    two = thurstone(np.array([[0.0, 10], [0, 0]]))
    assert two.added_wins == 0.5
    assert np.isfinite(two.se).all()


def test_pairs_that_were_not_compared_get_no_wins() -> None:
    chain = np.zeros((3, 3))
    chain[0, 1] = chain[1, 2] = 4
    found = bradley_terry(chain)
    assert found.scores[0] - found.scores[1] == pytest.approx(np.log(9))
    assert found.se_of_difference(0, 2) > found.se_of_difference(0, 1)


def test_methods_that_were_never_compared_are_refused() -> None:
    wins = np.zeros((4, 4))
    wins[0, 1] = wins[1, 0] = wins[2, 3] = wins[3, 2] = 3
    with pytest.raises(InvalidInput, match="2 groups that were never compared"):
        bradley_terry(wins)


def test_extreme_differences_converge() -> None:
    wins = np.array([[0.0, 1e5], [1, 0]])
    for model in (bradley_terry, thurstone):
        found = model(wins)
        assert np.isfinite(found.log_likelihood)
    assert bradley_terry(wins).scores[0] * 2 == pytest.approx(np.log(1e5))


@pytest.mark.parametrize(
    "wins", [np.ones((2, 3)), np.array([[0, -1.0], [1, 0]]), np.array([[0, np.nan], [1, 0]])]
)
def test_other_matrices_are_refused(wins: np.ndarray) -> None:
    with pytest.raises(UsageError):
        bradley_terry(wins)
