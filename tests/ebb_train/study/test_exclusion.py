"""Rules of exclusion: each finds its own kind of rater, and none looks at methods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ebb_train.study.analysis_plan import AnalysisPlan
from ebb_train.study.exclusion import ExclusionRule, blind_votes, check_raters, count_rules
from ebb_train.study.votes import RaterSession, StimulusKind, StudyVote, StudyVotes
from tests.helpers.simulated_study import RANDOM_RATER, simulated_opinions, simulated_pairs

RATER = "r03"


@pytest.fixture
def study() -> StudyVotes:
    return simulated_opinions(0)


def changed(study: StudyVotes, **values: object) -> StudyVotes:
    """All votes of one rater with other values."""
    votes = tuple(replace(vote, **values) if vote.rater == RATER else vote for vote in study.votes)  # type: ignore[arg-type]
    return replace(study, votes=votes)


def scored(study: StudyVotes, kind: StimulusKind, value: int, *, is_repeat: bool = False) -> StudyVotes:
    """One rater's votes of a kind with another value."""
    votes = tuple(
        replace(vote, value=value)
        if (vote.rater, vote.kind, vote.is_repeat) == (RATER, kind, is_repeat)
        else vote
        for vote in study.votes
    )
    return replace(study, votes=votes)


def rules(study: StudyVotes) -> tuple[ExclusionRule, ...]:
    return next(check.rules for check in check_raters(study) if check.rater == RATER)


def test_exactly_the_random_rater_is_excluded(study: StudyVotes) -> None:
    checks = check_raters(study)
    assert [check.rater for check in checks if not check.is_used] == [RANDOM_RATER]
    assert [check.rater for check in checks] == [session.rater for session in study.sessions]
    counts = count_rules(checks)
    assert counts[ExclusionRule.CORRELATION] == 1
    assert counts[ExclusionRule.TIME] == 0


def test_an_unfinished_session(study: StudyVotes) -> None:
    sessions = tuple(replace(session, is_finished=session.rater != RATER) for session in study.sessions)
    open_study = replace(study, sessions=sessions)
    assert rules(open_study) == (ExclusionRule.UNFINISHED,)
    assert rules(replace(open_study, plan=AnalysisPlan(finished_only=False))) == ()


def test_a_missed_trap(study: StudyVotes) -> None:
    missed = scored(study, StimulusKind.TRAP, 1)
    assert rules(missed) == (ExclusionRule.TRAP,)
    assert rules(replace(missed, plan=AnalysisPlan(max_trap_misses=1))) == ()


def test_misjudged_references_and_anchors(study: StudyVotes) -> None:
    assert ExclusionRule.GOLD in rules(scored(study, StimulusKind.REFERENCE, 2))
    assert ExclusionRule.GOLD in rules(scored(study, StimulusKind.ANCHOR, 2))
    assert rules(scored(study, StimulusKind.REFERENCE, 1)) == ()
    assert rules(scored(study, StimulusKind.ANCHOR, 3)) == ()


def test_repeats_answered_differently(study: StudyVotes) -> None:
    first = {vote.stimulus: vote.value for vote in study.first_votes if vote.rater == RATER}
    turned = tuple(
        replace(vote, value=4 if first[vote.stimulus] < 2 else 0)
        if vote.rater == RATER and vote.is_repeat
        else vote
        for vote in study.votes
    )
    assert rules(replace(study, votes=turned)) == (ExclusionRule.REPEATS,)


def test_fast_answers_and_pictures_that_were_not_there(study: StudyVotes) -> None:
    assert rules(changed(study, seconds=0.9)) == (ExclusionRule.TIME,)
    assert rules(changed(study, seconds=1.0)) == ()
    assert rules(changed(study, seconds=np.nan)) == ()
    assert rules(changed(study, was_loaded=False)) == (ExclusionRule.NOT_LOADED,)


def test_always_the_same_answer(study: StudyVotes) -> None:
    found = rules(scored(scored(study, StimulusKind.REAL, 2), StimulusKind.REAL, 2, is_repeat=True))
    assert ExclusionRule.VARIANCE not in found, "references and anchors vary"
    same = changed(study, value=2, expected=None)
    assert ExclusionRule.VARIANCE in rules(same)
    assert ExclusionRule.VARIANCE not in rules(replace(same, plan=AnalysisPlan(min_variance_votes=100)))


def test_scores_turned_upside_down(study: StudyVotes) -> None:
    votes = tuple(
        replace(vote, value=4 - vote.value)
        if vote.rater == RATER and vote.kind is StimulusKind.REAL
        else vote
        for vote in study.votes
    )
    lenient = AnalysisPlan(max_gold_misses=10)
    found = check_raters(replace(study, votes=votes, plan=lenient))
    turned = next(check for check in found if check.rater == RATER)
    assert turned.correlation < 0.8
    assert rules(replace(study, votes=votes, plan=replace(lenient, min_correlation=0.8))) == (
        ExclusionRule.CORRELATION,
    )


def test_rules_do_not_depend_on_which_method_a_picture_belongs_to(study: StudyVotes) -> None:
    rng = np.random.default_rng(5)
    names = {}
    for vote in study.votes:
        if vote.kind is StimulusKind.REAL:
            names.setdefault((vote.image, vote.method), f"m{rng.integers(10**9)}")
    shuffled = tuple(
        replace(vote, method=names.get((vote.image, vote.method), vote.method)) for vote in study.votes
    )
    assert check_raters(replace(study, votes=shuffled)) == check_raters(study)
    blind = blind_votes(study)
    assert not any("method" in name for votes in blind.values() for vote in votes for name in vote._fields)


def test_pairs_have_their_own_rules() -> None:
    study = simulated_pairs()
    assert all(check.is_used for check in check_raters(study))
    left = tuple(
        replace(vote, value=2 if vote.is_swapped else 0) if vote.rater == RATER else vote
        for vote in study.votes
    )
    assert rules(replace(study, votes=left)) == (ExclusionRule.VARIANCE,), "always the left picture"
    trap = StudyVote(
        rater=RATER,
        position=99,
        image="i",
        method="t",
        other="a",
        kind=StimulusKind.TRAP,
        value=2,
        expected=0,
    )
    assert rules(replace(study, votes=(*study.votes, trap))) == (ExclusionRule.TRAP,)


def test_a_session_without_votes(study: StudyVotes) -> None:
    sessions = (*study.sessions, RaterSession(rater="new", is_finished=False))
    check = check_raters(replace(study, sessions=sessions))[-1]
    assert (check.rater, check.num_votes, check.rules) == ("new", 0, (ExclusionRule.UNFINISHED,))


def test_every_rule_has_a_meaning() -> None:
    assert all(rule.meaning for rule in ExclusionRule)
