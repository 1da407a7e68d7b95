"""The analysis of a study by its plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ebb.errors import InvalidInput
from ebb_train.study.analysis import analyse_votes, votes_missing
from ebb_train.study.analysis_plan import AnalysisPlan
from ebb_train.study.exclusion import ExclusionRule
from ebb_train.study.opinion_results import OpinionResults
from ebb_train.study.pair_results import PairResults
from ebb_train.study.sample_size import images_for_difference, votes_for_share
from ebb_train.study.votes import StimulusKind
from tests.helpers.simulated_study import METHODS, RANDOM_RATER, simulated_opinions, simulated_pairs


def test_biased_raters_and_a_random_one_give_the_true_order() -> None:
    found = analyse_votes(simulated_opinions(0))
    assert [check.rater for check in found.checks if not check.is_used] == [RANDOM_RATER]
    assert isinstance(found.used, OpinionResults)
    assert {one.name: one.rank for one in found.used.comparison.scores} == {"good": 1, "fair": 2, "poor": 3}
    assert [one.mos for one in found.used.comparison.scores] == pytest.approx(
        list(METHODS.values()), abs=0.25
    )
    assert (found.num_started, found.num_finished, found.num_used) == (16, 16, 15)
    assert found.num_votes == 16 * 32
    assert found.num_used_votes == 15 * 28
    assert found.missing == ()
    assert sum(found.votes_per_picture.values()) == 24 * 3
    assert sum(votes * pictures for votes, pictures in found.votes_per_picture.items()) == 15 * 24
    assert not found.is_plan_changed


def test_results_of_all_raters_are_kept_beside() -> None:
    found = analyse_votes(simulated_opinions(0))
    assert isinstance(found.everyone, OpinionResults)
    assert RANDOM_RATER in found.everyone.bias
    assert isinstance(found.used, OpinionResults)
    assert RANDOM_RATER not in found.used.bias
    assert found.everyone.comparison != found.used.comparison


def test_further_votes_are_those_of_the_formula() -> None:
    found = analyse_votes(simulated_opinions(2, methods={"a": 1.0, "b": 1.05}))
    assert isinstance(found.used, OpinionResults)
    (one,), (missing,) = found.used.comparison.differences, found.missing
    assert not one.is_significant
    images = images_for_difference(one.difference, one.sd)
    assert missing.images_more == images - one.num_images
    assert missing.votes_now == sum(score.num_votes for score in found.used.comparison.scores)
    assert missing.votes_more == pytest.approx((images - 24) * missing.votes_now / 24, abs=1)


def test_further_votes_of_pairs() -> None:
    study = simulated_pairs(3, raters=8, methods={"a": 1.0, "b": 1.05})
    found = analyse_votes(study)
    assert isinstance(found.used, PairResults)
    (one,), (missing,) = found.used.preferences, found.missing
    assert one.share is not None
    assert missing.votes_more == max(0, votes_for_share(one.share.share) - one.wins - one.losses)
    assert missing.images_more is None
    assert votes_missing(None) == ()


def test_if_all_are_excluded_the_results_of_all_are_left() -> None:
    study = simulated_opinions(0)
    strict = replace(study.plan, min_median_seconds=100.0)
    found = analyse_votes(replace(study, plan=strict))
    assert found.used is None
    assert found.num_used == found.num_used_votes == 0
    assert found.rule_counts[ExclusionRule.TIME] == 16
    assert found.is_plan_changed, "the plan is not the stored one"
    assert set(found.votes_per_picture) == {0}


def test_a_study_without_votes_on_pictures() -> None:
    study = simulated_opinions(0)
    controls = tuple(vote for vote in study.votes if vote.kind is not StimulusKind.REAL)
    with pytest.raises(InvalidInput, match=r"no votes yet \(ebb-train study serve"):
        analyse_votes(replace(study, votes=controls))


def test_the_same_votes_give_the_same_results() -> None:
    assert repr(analyse_votes(simulated_opinions(4))) == repr(analyse_votes(simulated_opinions(4)))
    other = AnalysisPlan(resamples=200, seed=1)
    first, second = analyse_votes(simulated_opinions(4)), analyse_votes(simulated_opinions(4, plan=other))
    assert repr(first.used) != repr(second.used)
