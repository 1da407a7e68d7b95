"""Exclusion of raters by rules that are fixed before a study.

The rules see neither names of methods nor which pictures belong to the same method, so that they cannot
favour one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb_train.study.screening import correlations_with_others
from ebb_train.study.votes import Answer, StimulusKind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ebb_train.study.analysis_plan import AnalysisPlan
    from ebb_train.study.votes import StudyVotes


class ExclusionRule(StrEnum):
    """Reason why a rater is not used."""

    UNFINISHED = "unfinished"
    TRAP = "trap"
    GOLD = "gold"
    REPEATS = "repeats"
    TIME = "time"
    NOT_LOADED = "not_loaded"
    VARIANCE = "variance"
    CORRELATION = "correlation"

    @property
    def meaning(self) -> str:
        """What it says about a rater."""
        return _MEANINGS[self]


_MEANINGS: Mapping[ExclusionRule, str] = {
    ExclusionRule.UNFINISHED: "did not finish the session",
    ExclusionRule.TRAP: "did not give the answer that a picture asked for",
    ExclusionRule.GOLD: "misjudged hidden references or anchors",
    ExclusionRule.REPEATS: "answered the same question differently",
    ExclusionRule.TIME: "answered too fast",
    ExclusionRule.NOT_LOADED: "answered before the pictures were there",
    ExclusionRule.VARIANCE: "gave nearly always the same answer",
    ExclusionRule.CORRELATION: "does not agree with the other raters",
}


class BlindVote(NamedTuple):
    """What the rules may know of a vote."""

    stimulus: int
    """A number that stands for what was judged."""
    kind: StimulusKind
    value: int
    side: int
    expected: int | None
    is_repeat: bool
    was_loaded: bool
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RaterCheck:
    """What the rules found about a rater."""

    rater: str
    num_votes: int
    trap_misses: int = 0
    gold_misses: int = 0
    repeat_difference: float = np.nan
    """Mean absolute difference between the answers to repeated questions; NaN without any."""
    median_seconds: float = np.nan
    variance: float = np.nan
    """Population variance of the answers, those to traps left out; NaN without votes."""
    correlation: float = np.nan
    """With the means of those raters whom no other rule excludes; NaN if undefined, and for pairs."""
    rules: tuple[ExclusionRule, ...] = ()
    """The rules that exclude the rater."""

    @property
    def is_used(self) -> bool:
        """Whether no rule excludes the rater."""
        return not self.rules


def check_raters(study: StudyVotes) -> tuple[RaterCheck, ...]:
    """Apply the rules of a study's plan to all of its sessions.

    Returns:
        One element per session, in the order of the sessions.
    """
    blind = blind_votes(study)
    finished = {session.rater: session.is_finished for session in study.sessions}
    checks = {
        rater: _check(rater, votes, study.plan, is_finished=finished[rater], answer=study.answer)
        for rater, votes in blind.items()
    }
    if study.answer is Answer.PAIR:  # three answers correlate little even among raters who agree
        return tuple(checks[rater] for rater in finished)
    accepted = {rater for rater, check in checks.items() if check.is_used}
    correlations = _correlations(blind, accepted)
    return tuple(_with_correlation(checks[rater], correlations[rater], study.plan) for rater in finished)


def count_rules(checks: Sequence[RaterCheck]) -> dict[ExclusionRule, int]:
    """How many raters each rule excludes; a rater may be excluded by several."""
    counts = Counter(rule for check in checks for rule in check.rules)
    return {rule: counts[rule] for rule in ExclusionRule}


def blind_votes(study: StudyVotes) -> dict[str, list[BlindVote]]:
    """The votes of each session without the names of images and methods."""
    numbers: dict[tuple[str, str, str], int] = {}
    found: dict[str, list[BlindVote]] = {session.rater: [] for session in study.sessions}
    for vote in study.votes:
        number = numbers.setdefault(vote.stimulus, len(numbers))
        found[vote.rater].append(
            BlindVote(
                number,
                vote.kind,
                vote.value,
                vote.side,
                vote.expected,
                vote.is_repeat,
                vote.was_loaded,
                vote.seconds,
            )
        )
    return found


def _check(
    rater: str, votes: Sequence[BlindVote], plan: AnalysisPlan, *, is_finished: bool, answer: Answer
) -> RaterCheck:
    judged = [vote for vote in votes if vote.kind is not StimulusKind.TRAP]
    sides = [vote.side for vote in judged]
    seconds = [vote.seconds for vote in judged if np.isfinite(vote.seconds)]
    check = RaterCheck(
        rater=rater,
        num_votes=len(votes),
        trap_misses=sum(vote.expected is not None and vote.value != vote.expected for vote in votes),
        gold_misses=_gold_misses(judged, plan) if answer is Answer.OPINION else 0,
        repeat_difference=_repeat_difference(judged),
        median_seconds=float(np.median(seconds)) if seconds else np.nan,
        variance=float(np.var(sides)) if sides else np.nan,
    )
    found = {
        ExclusionRule.UNFINISHED: plan.finished_only and not is_finished,
        ExclusionRule.TRAP: check.trap_misses > plan.max_trap_misses,
        ExclusionRule.GOLD: check.gold_misses > plan.max_gold_misses,
        ExclusionRule.REPEATS: check.repeat_difference > plan.max_repeat_difference,
        ExclusionRule.TIME: check.median_seconds < plan.min_median_seconds,
        ExclusionRule.NOT_LOADED: plan.loaded_only and not all(vote.was_loaded for vote in votes),
        ExclusionRule.VARIANCE: len(sides) >= plan.min_variance_votes and check.variance < plan.min_variance,
    }
    return replace(check, rules=tuple(rule for rule, applies in found.items() if applies))


def _with_correlation(check: RaterCheck, correlation: tuple[float, int], plan: AnalysisPlan) -> RaterCheck:
    value, common = correlation
    is_low = common >= plan.min_correlation_votes and value < plan.min_correlation
    rules = (*check.rules, ExclusionRule.CORRELATION) if is_low else check.rules
    return replace(check, correlation=value, rules=rules)


def _gold_misses(votes: Sequence[BlindVote], plan: AnalysisPlan) -> int:
    """Hidden references with a high score, and anchors with a low one."""
    return sum(
        (vote.kind is StimulusKind.REFERENCE and vote.value > plan.reference_at_most)
        or (vote.kind is StimulusKind.ANCHOR and vote.value < plan.anchor_at_least)
        for vote in votes
    )


def _repeat_difference(votes: Sequence[BlindVote]) -> float:
    first = {vote.stimulus: vote.value for vote in votes if not vote.is_repeat}
    differences = [
        abs(vote.value - first[vote.stimulus]) for vote in votes if vote.is_repeat and vote.stimulus in first
    ]
    return float(np.mean(differences)) if differences else np.nan


def _correlations(
    blind: Mapping[str, Sequence[BlindVote]], accepted: Collection[str]
) -> dict[str, tuple[float, int]]:
    """Correlation of each rater with the mean of the other accepted ones; number of common stimuli."""
    size = 1 + max((vote.stimulus for votes in blind.values() for vote in votes), default=0)
    matrix = np.full((size, len(blind)), np.nan)
    for column, votes in enumerate(blind.values()):
        for vote in reversed(votes):
            if vote.kind is not StimulusKind.TRAP and not vote.is_repeat:
                matrix[vote.stimulus, column] = vote.value
    in_means = np.array([rater in accepted for rater in blind], np.bool_)
    found, common = correlations_with_others(matrix, in_means)
    return {rater: (float(found[i]), int(common[i])) for i, rater in enumerate(blind)}
