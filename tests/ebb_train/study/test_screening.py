"""Screening of raters, against published numbers."""

from __future__ import annotations

import numpy as np
import pytest

from ebb_train.study.screening import (
    bt500_screening,
    correlations_with_others,
    leave_one_out_correlations,
    pearson,
)
from tests.helpers.study_oracles import VOTES


def test_only_the_random_rater_is_rejected() -> None:
    found = bt500_screening(VOTES)
    assert np.flatnonzero(found.rejected).tolist() == [11]
    assert found.outlying[11] == pytest.approx(0.35)
    assert found.imbalance[11] == pytest.approx(0.1429, abs=5e-5)


def test_if_all_raters_would_be_rejected_none_is() -> None:
    rng = np.random.default_rng(0)
    votes = rng.integers(0, 5, (40, 3)).astype(float)
    for column in range(3):
        votes[column::3] = 2.0
        votes[column::3, column] = np.where(np.arange(len(votes[column::3])) % 2, 0.0, 4.0)
    found = bt500_screening(np.hstack([votes, np.full((40, 1), np.nan)]))
    assert not found.rejected.any()
    assert np.isnan(found.outlying[3])


def test_stimuli_on_which_all_agree_are_skipped() -> None:
    found = bt500_screening(np.ones((5, 4)))
    assert not found.rejected.any()
    assert (found.outlying == 0).all()
    assert np.isnan(found.imbalance).all()


def test_correlations_leave_the_own_votes_out() -> None:
    found = leave_one_out_correlations(VOTES)
    assert found[11] == pytest.approx(-0.1341, abs=5e-5)
    assert 0.76 <= found[:11].min() <= found[:11].max() <= 0.94
    for rater in range(12):
        others = np.nanmean(np.delete(VOTES, rater, axis=1), axis=1)
        own = np.isfinite(VOTES[:, rater])
        assert found[rater] == pytest.approx(np.corrcoef(VOTES[own, rater], others[own])[0, 1])


def test_only_some_raters_may_be_in_the_means() -> None:
    kept = np.arange(12) < 11
    found, common = correlations_with_others(VOTES, kept)
    assert common.tolist() == [20 - missing for missing in np.isnan(VOTES).sum(axis=0)]
    np.testing.assert_allclose(found[:11], leave_one_out_correlations(VOTES[:, :11]))


def test_too_little_in_common_has_no_correlation() -> None:
    assert np.isnan(leave_one_out_correlations(np.array([[1.0, 2], [2, 3], [np.nan, 1]]))).all()
    assert np.isnan(pearson(np.ones(5), np.arange(5.0)))
