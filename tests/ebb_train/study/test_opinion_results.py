"""Results of opinions."""

from __future__ import annotations

import numpy as np
import pytest

from ebb_train.study.analysis_plan import AnalysisPlan
from ebb_train.study.opinion_results import PLAIN, PROJECTED, SCREENED, UNBIASED, opinion_results
from ebb_train.study.votes import StimulusKind, StudyVote
from tests.helpers.simulated_study import METHODS, simulated_opinions
from tests.helpers.study_oracles import MOS, MOS_WITHOUT_LAST, QUALITY, VOTES

PLAN = AnalysisPlan(resamples=50)


def oracle_votes() -> list[StudyVote]:
    """The matrix of the oracle as votes: five images of four methods."""
    return [
        StudyVote(
            rater=f"r{rater:02d}",
            position=row,
            image=f"i{row // 4}",
            method="abcd"[row % 4],
            value=int(VOTES[row, rater]),
        )
        for row in range(20)
        for rater in range(12)
        if np.isfinite(VOTES[row, rater])
    ]


def test_scores_of_methods_are_means_of_their_pictures() -> None:
    found = opinion_results(oracle_votes(), list("abcd"), PLAN)
    assert [one.mos for one in found.stimuli] == pytest.approx(MOS, abs=1e-6)
    assert [one.quality for one in found.stimuli] == pytest.approx(QUALITY, abs=1e-6)
    expected = {PLAIN: MOS, PROJECTED: QUALITY, SCREENED: MOS_WITHOUT_LAST, UNBIASED: None}
    assert list(found.by_way) == [PLAIN, UNBIASED, PROJECTED, SCREENED]
    for way, scores in expected.items():
        if scores is not None:
            assert found.by_way[way] == pytest.approx(scores.reshape(5, 4).mean(axis=0), abs=1e-6)
    assert found.by_way[PLAIN] == pytest.approx([one.mos for one in found.comparison.scores])
    assert found.rejected_by_bt500 == ("r11",)
    assert found.alpha["ordinal"] == pytest.approx(0.561369, abs=1e-6)
    assert found.inconsistency["r11"] == max(found.inconsistency.values())
    assert found.pooled_sd == pytest.approx(
        np.sqrt(np.nansum((VOTES - MOS[:, None]) ** 2) / (237 - 20)), abs=1e-6
    )


def test_controls_are_apart_and_not_in_the_agreement() -> None:
    votes = simulated_opinions().first_votes
    found = opinion_results(votes, list(METHODS), PLAN)
    real = opinion_results([vote for vote in votes if vote.kind is StimulusKind.REAL], list(METHODS), PLAN)
    assert [name for name, *_ in found.controls] == ["anchor", "reference"]
    assert real.controls == ()
    assert found.alpha == real.alpha
    assert found.comparison == real.comparison
    assert {one.name for one in found.comparison.scores} == set(METHODS)


def test_raters_without_common_pictures_leave_a_note() -> None:
    votes = [
        StudyVote(rater=rater, position=0, image=image, method="a", value=value)
        for rater, image, value in (("r1", "i1", 0), ("r1", "i2", 1), ("r2", "i3", 2), ("r2", "i4", 1))
    ]
    found = opinion_results(votes, ["a", "b"], PLAN)
    assert PROJECTED not in found.by_way
    assert found.bias == {}
    assert "cannot be estimated" in found.notes[0]
    assert np.isnan(found.pooled_sd)
    assert np.isnan(found.stimuli[0].quality)
