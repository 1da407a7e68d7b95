"""The analysis of a study by its plan: who is used, what they say, how many votes are missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ebb.errors import InvalidInput
from ebb_train.study.exclusion import check_raters, count_rules
from ebb_train.study.opinion_results import OpinionResults, opinion_results
from ebb_train.study.pair_results import PairResults, pair_results
from ebb_train.study.sample_size import images_for_difference, votes_for_share
from ebb_train.study.votes import Answer, StimulusKind, of_raters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ebb_train.study.analysis_plan import AnalysisPlan
    from ebb_train.study.exclusion import ExclusionRule, RaterCheck
    from ebb_train.study.votes import StudyVote, StudyVotes

StudyResults: TypeAlias = OpinionResults | PairResults


@dataclass(frozen=True, kw_only=True)
class VotesMissing:
    """How many votes would separate two tied methods, if the difference is as large as it seems."""

    first: str
    second: str
    difference: float
    """Opinion: difference of the mean opinion scores; pair: share of the first among decided votes − 0.5."""
    votes_now: int
    """Votes on both methods so far."""
    votes_more: int | None
    """Further votes for a power of 80 % without correction; None: no difference, or one image."""
    images_more: int | None
    """Opinion: further images on which these votes are, with as many votes per image as now."""


@dataclass(frozen=True, kw_only=True)
class StudyAnalysis:
    """Results of a study."""

    name: str
    answer: Answer
    methods: tuple[str, ...]
    plan: AnalysisPlan
    stored_plan_hash: str
    """Hash of the plan when the study began; empty if it was not stored."""
    num_finished: int
    num_votes: int
    """All votes, including traps and repeats."""
    num_used_votes: int
    """Votes of used raters that enter the results."""
    checks: tuple[RaterCheck, ...]
    """One per session."""
    rule_counts: Mapping[ExclusionRule, int]
    used: StudyResults | None
    """Results of the raters whom no rule excludes; None if there are none."""
    everyone: StudyResults
    """Results of all raters."""
    missing: tuple[VotesMissing, ...]
    """One for each pair of methods that is tied."""
    votes_per_picture: Mapping[int, int]
    """Number of used votes → number of pictures (or pairs of pictures) with so many."""

    @property
    def num_started(self) -> int:
        """Number of sessions."""
        return len(self.checks)

    @property
    def num_used(self) -> int:
        """Number of raters whom no rule excludes."""
        return sum(check.is_used for check in self.checks)

    @property
    def is_plan_changed(self) -> bool:
        """Whether the plan is not the one with which the study began."""
        return self.stored_plan_hash not in ("", self.plan.sha256)


def analyse_votes(study: StudyVotes) -> StudyAnalysis:
    """Analyse votes by the plan of their study.

    Args:
        study: The votes.

    Raises:
        InvalidInput: there are no votes on pictures.
        MissingDependency: SciPy or statsmodels is not installed.
    """
    votes = study.first_votes
    if not any(vote.kind is StimulusKind.REAL for vote in votes):
        raise InvalidInput("the study has no votes yet", hint="ebb-train study serve collects them")
    checks = check_raters(study)
    kept = of_raters(votes, {check.rater for check in checks if check.is_used})
    used = _results(study, kept) if any(vote.kind is StimulusKind.REAL for vote in kept) else None
    return StudyAnalysis(
        name=study.name,
        answer=study.answer,
        methods=study.methods,
        plan=study.plan,
        stored_plan_hash=study.stored_plan_hash,
        num_finished=sum(session.is_finished for session in study.sessions),
        num_votes=len(study.votes),
        num_used_votes=len(kept),
        checks=checks,
        rule_counts=count_rules(checks),
        used=used,
        everyone=_results(study, votes),
        missing=votes_missing(used),
        votes_per_picture=_votes_per_picture(votes, kept),
    )


def votes_missing(results: StudyResults | None) -> tuple[VotesMissing, ...]:
    """Votes that would separate each pair of tied methods."""
    if results is None:
        return ()
    if isinstance(results, OpinionResults):
        return _opinions_missing(results)
    return _preferences_missing(results)


def _results(study: StudyVotes, votes: Sequence[StudyVote]) -> StudyResults:
    function = opinion_results if study.answer is Answer.OPINION else pair_results
    return function(votes, study.methods, study.plan)


def _opinions_missing(results: OpinionResults) -> tuple[VotesMissing, ...]:
    votes = {score.name: score for score in results.comparison.scores}
    found = []
    for one in results.comparison.differences:
        if one.is_significant:
            continue
        now = votes[one.first].num_votes + votes[one.second].num_votes
        images = votes[one.first].num_images + votes[one.second].num_images
        more = None
        if one.sd > 0 and one.difference:
            more = max(0, images_for_difference(one.difference, one.sd) - one.num_images)
        found.append(
            VotesMissing(
                first=one.first,
                second=one.second,
                difference=one.difference,
                votes_now=now,
                votes_more=None if more is None else math.ceil(more * 2 * now / images),
                images_more=more,
            )
        )
    return tuple(found)


def _preferences_missing(results: PairResults) -> tuple[VotesMissing, ...]:
    found = []
    for one in results.preferences:
        if one.is_significant:
            continue
        share = one.share.share if one.share else 0.5
        decided = one.wins + one.losses
        # a share of 0 or 1 has no spread to plan with
        more = max(0, votes_for_share(share) - decided) if 0 < share < 1 and share != 0.5 else None
        found.append(
            VotesMissing(
                first=one.first,
                second=one.second,
                difference=share - 0.5,
                votes_now=decided + one.ties,
                votes_more=more,
                images_more=None,
            )
        )
    return tuple(found)


def _votes_per_picture(votes: Sequence[StudyVote], kept: Sequence[StudyVote]) -> dict[int, int]:
    counts = dict.fromkeys((vote.stimulus for vote in votes if vote.kind is StimulusKind.REAL), 0)
    for vote in kept:
        if vote.kind is StimulusKind.REAL:
            counts[vote.stimulus] += 1
    numbers = sorted(counts.values())
    return {number: numbers.count(number) for number in sorted(set(numbers))}
