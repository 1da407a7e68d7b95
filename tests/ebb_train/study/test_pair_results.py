"""Results of votes on pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ebb_train.study.analysis_plan import AnalysisPlan
from ebb_train.study.pair_results import pair_results
from ebb_train.study.paired_comparison import bradley_terry
from ebb_train.study.votes import StudyVote
from tests.helpers.simulated_study import METHODS, simulated_pairs

PLAN = AnalysisPlan(resamples=60)


def test_the_order_of_the_methods_is_recovered() -> None:
    votes = simulated_pairs(1, raters=30).votes
    found = pair_results(votes, list(METHODS), PLAN)
    assert found.ranks == (1, 2, 3)
    assert found.wins.sum() == len(votes)
    assert found.bradley_terry is not None
    np.testing.assert_array_equal(found.bradley_terry.scores, bradley_terry(found.wins).scores)
    first = found.preferences[0]
    assert first.share is not None
    assert first.share.share == first.wins / (first.wins + first.losses)
    assert first.wins + first.losses + first.ties == 300
    assert 0.5 < first.se_bootstrap / first.se < 2
    assert first.p_holm >= first.p_value
    assert found.notes == ()


def test_votes_of_few_raters_count_less_than_many_votes_suggest() -> None:
    """Forty equal votes of three raters: the bootstrap sees three raters, the Fisher error 120 votes."""
    votes = [
        StudyVote(rater=rater, position=number, image=f"i{number}", method="a", other="b", value=value)
        for rater, value in (("r1", 0), ("r2", 0), ("r3", 2))
        for number in range(40)
    ]
    (one,) = pair_results(votes, ["a", "b"], AnalysisPlan(resamples=200)).preferences
    assert one.share is not None
    assert one.share.p_value < 0.001
    assert one.se_bootstrap > 3 * one.se
    assert not one.is_significant


def test_the_first_of_a_pair_may_stand_second() -> None:
    votes = [
        StudyVote(
            rater=f"r{n}", position=0, image=f"i{n % 5}", method="b", other="a", value=2 if n % 4 else 0
        )
        for n in range(20)
    ]
    (one,) = pair_results(votes, ["a", "b"], PLAN).preferences
    assert (one.first, one.wins, one.losses, one.ties) == ("a", 15, 5, 0)
    assert one.difference > 0


def test_a_method_that_wins_everything_gets_a_note() -> None:
    votes = [
        StudyVote(rater=f"r{n}", position=0, image=f"i{n}", method="a", other="b", value=0) for n in range(12)
    ]
    found = pair_results(votes, ["a", "b"], PLAN)
    assert "0.5 win in both directions was added" in found.notes[0]
    assert found.preferences[0].share is not None
    assert found.preferences[0].share.wilson_high == 1


def test_ties_alone_and_methods_that_were_never_compared() -> None:
    votes = [StudyVote(rater="r", position=0, image="i", method="a", other="b", value=1)]
    found = pair_results(votes, ["a", "b"], replace(PLAN, resamples=0))
    assert found.preferences[0].share is None
    assert found.preferences[0].p_value == pytest.approx(1)
    assert np.isnan(found.preferences[0].se_bootstrap)
    none = pair_results(votes, ["a", "b", "c"], PLAN)
    assert none.bradley_terry is None
    assert none.ranks == (1, 1, 1)
    assert "never compared" in none.notes[0]
