"""Everything that votes on pairs say: shares, scores, ranks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import InvalidInput
from ebb_train.study.method_comparison import LEVEL, holm
from ebb_train.study.paired_comparison import bradley_terry, thurstone
from ebb_train.study.shares import preference_share
from ebb_train.study.votes import count_wins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ebb_train.study.analysis_plan import AnalysisPlan
    from ebb_train.study.opinion_scores import Numbers1D
    from ebb_train.study.paired_comparison import PairScores, WinMatrix
    from ebb_train.study.shares import PreferenceShare
    from ebb_train.study.votes import StudyVote

MAX_DRAWS = 500
"""Largest number of draws of the bootstrap of scores: each draw is a fit."""


@dataclass(frozen=True, kw_only=True)
class Preference:
    """Two methods in direct comparison, and their scores from all comparisons."""

    first: str
    second: str
    wins: int
    losses: int
    ties: int
    share: PreferenceShare | None
    """Share of the first among votes that are no ties, as if independent; None without such votes."""
    difference: float
    """Difference of the scores of Bradley and Terry, first − second; above 0: the first is preferred."""
    se: float
    """Standard error by Fisher information, as if votes were independent."""
    se_bootstrap: float
    """Standard error by drawing images and raters; NaN without draws."""
    p_value: float
    """Normal test of the difference with the larger standard error, two-sided."""
    p_holm: float

    @property
    def is_significant(self) -> bool:
        """Whether the difference is significant at 5 % after Holm's correction."""
        return self.p_holm < 1 - LEVEL


@dataclass(frozen=True, kw_only=True)
class PairResults:
    """Results of the votes on pairs of a set of raters."""

    methods: tuple[str, ...]
    wins: WinMatrix
    """Row preferred to column; a tie is half a win for both."""
    bradley_terry: PairScores | None
    """None if methods were never compared; see ``notes``."""
    thurstone: PairScores | None
    ranks: tuple[int, ...]
    """1 + the number of methods that are significantly preferred."""
    preferences: tuple[Preference, ...]
    notes: tuple[str, ...] = ()


def pair_results(votes: Sequence[StudyVote], methods: Sequence[str], plan: AnalysisPlan) -> PairResults:
    """Compute the results.

    Args:
        votes: First votes of the raters, without traps.
        methods: The methods to compare.
        plan: Settings of the bootstrap.
    """
    own = [vote for vote in votes if {vote.method, vote.other} <= set(methods)]
    wins = count_wins(own, methods)
    try:
        scores, normal = bradley_terry(wins), thurstone(wins)
    except InvalidInput as error:
        return PairResults(
            methods=tuple(methods), wins=wins, bradley_terry=None, thurstone=None, ranks=(1,) * len(methods),
            preferences=(), notes=(f"no scores: {error}",),
        )  # fmt: skip
    preferences = _preferences(own, methods, scores, _bootstrap(own, methods, plan))
    ranks = tuple(1 + sum(_is_better(one, method) for one in preferences) for method in methods)
    note = (
        f"some methods won, or lost, every comparison: {scores.added_wins:g} win in both directions was "
        "added to each compared pair, without which the scores would be infinite"
    )
    return PairResults(
        methods=tuple(methods),
        wins=wins,
        bradley_terry=scores,
        thurstone=normal,
        ranks=ranks,
        preferences=preferences,
        notes=(note,) if scores.added_wins else (),
    )


def _preferences(
    votes: Sequence[StudyVote], methods: Sequence[str], scores: PairScores, draws: NDArray[np.float64]
) -> tuple[Preference, ...]:
    pairs = list(combinations(range(len(methods)), 2))
    tests = [_test(scores, draws, a, b) for a, b in pairs]
    corrected = holm([p for *_, p in tests])
    found = []
    for (a, b), (difference, se, se_bootstrap, p_value), p_holm in zip(pairs, tests, corrected, strict=True):
        wins, losses, ties = _counts(votes, methods[a], methods[b])
        found.append(
            Preference(
                first=methods[a],
                second=methods[b],
                wins=wins,
                losses=losses,
                ties=ties,
                share=preference_share(wins, wins + losses) if wins + losses else None,
                difference=difference,
                se=se,
                se_bootstrap=se_bootstrap,
                p_value=p_value,
                p_holm=p_holm,
            )
        )
    return tuple(found)


def _test(
    scores: PairScores, draws: NDArray[np.float64], first: int, second: int
) -> tuple[float, float, float, float]:
    """Difference of two scores, both standard errors, and p."""
    difference = float(scores.scores[first] - scores.scores[second])
    se = scores.se_of_difference(first, second)
    drawn = draws[:, first] - draws[:, second]
    spread = float(np.std(drawn, ddof=1)) if len(drawn) > 1 else np.nan
    z = abs(difference) / np.nanmax([se, spread])
    return difference, se, spread, 2 * (1 - NormalDist().cdf(z))


def _counts(votes: Sequence[StudyVote], first: str, second: str) -> tuple[int, int, int]:
    """Votes for the first, for the second, and ties."""
    places = {(first, second): (0, 1, 2), (second, first): (2, 1, 0)}
    values = [
        places[vote.method, vote.other].index(vote.value)
        for vote in votes
        if (vote.method, vote.other) in places
    ]
    return values.count(0), values.count(2), values.count(1)


def _bootstrap(votes: Sequence[StudyVote], methods: Sequence[str], plan: AnalysisPlan) -> NDArray[np.float64]:
    """(draws, M) scores when images and raters are drawn with replacement."""
    images, image_of = np.unique([vote.image for vote in votes], return_inverse=True)
    raters, rater_of = np.unique([vote.rater for vote in votes], return_inverse=True)
    number = {method: index for index, method in enumerate(methods)}
    first = np.array([number[vote.method] for vote in votes])
    second = np.array([number[vote.other] for vote in votes])
    won = np.array([(2 - vote.value) / 2 for vote in votes])
    rng = np.random.default_rng(plan.seed)
    found = []
    for _ in range(min(plan.resamples, MAX_DRAWS)):
        weights = _drawn(rng, len(images))[image_of] * _drawn(rng, len(raters))[rater_of]
        wins = np.zeros((len(methods), len(methods)))
        np.add.at(wins, (first, second), weights * won)
        np.add.at(wins, (second, first), weights * (1 - won))
        try:
            found.append(bradley_terry(wins).scores)
        except InvalidInput:  # a draw without comparisons between some methods
            continue
    return np.array(found).reshape(-1, len(methods))


def _drawn(rng: np.random.Generator, number: int) -> Numbers1D:
    return rng.multinomial(number, np.full(number, 1 / number)).astype(np.float64)


def _is_better(one: Preference, method: str) -> bool:
    """Whether the other method of a pair is significantly preferred to this one."""
    if not one.is_significant or method not in (one.first, one.second) or math.isnan(one.difference):
        return False
    return (one.difference > 0) == (one.second == method)
