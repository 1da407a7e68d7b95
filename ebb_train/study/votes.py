"""The votes of a study as typed values, and the matrices that statistics are computed on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ebb_train.study.analysis_plan import AnalysisPlan
    from ebb_train.study.method_comparison import VoteCube
    from ebb_train.study.opinion_scores import VoteMatrix
    from ebb_train.study.paired_comparison import WinMatrix

SCALE = (
    "almost identical",
    "slightly different",
    "different",
    "very different",
    "mostly different",
)


class StimulusKind(StrEnum):
    """What a picture is in a study."""

    REAL = "real"
    """The picture of a method that is compared."""
    REFERENCE = "reference"
    """The target photo itself, hidden among the pictures."""
    ANCHOR = "anchor"
    """A picture that is known to be bad."""
    TRAP = "trap"
    """A picture with an instruction which answer to give."""


class Answer(StrEnum):
    """What a rater is asked for."""

    OPINION = "opinion"
    """A score of one picture from 0 (best) to 4, beside the reference."""
    PAIR = "pair"
    """The better of two pictures: 0 the first, 1 neither, 2 the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyVote:
    """One answer of one rater."""

    rater: str
    """The session, which stands for a rater."""
    position: int
    """Number of the question in the session."""
    image: str
    method: str
    other: str = ""
    """The second method, if two pictures were compared."""
    kind: StimulusKind = StimulusKind.REAL
    value: int
    """Opinion: 0 to 4; pair: 0 the first method is better, 1 neither, 2 the second."""
    expected: int | None = None
    """The answer that a trap asks for."""
    is_repeat: bool = False
    """Whether the rater had answered the same question before."""
    is_swapped: bool = False
    """Whether the first method of a pair was shown on the right."""
    was_loaded: bool = True
    """Whether all pictures were decoded before the answer."""
    seconds: float = np.nan
    """Time from the decoded pictures to the answer; NaN if unknown."""
    zoomed: bool = False

    @property
    def side(self) -> int:
        """The answer as a place on the screen: as the value, with left and right of pairs."""
        return 2 - self.value if self.is_swapped else self.value

    @property
    def is_first(self) -> bool:
        """Whether it is the first vote on a picture or pair: neither a trap nor a repeat."""
        return self.kind is not StimulusKind.TRAP and not self.is_repeat

    @property
    def stimulus(self) -> tuple[str, str, str]:
        """What was judged: image, method, second method."""
        return self.image, self.method, self.other


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterSession:
    """One session of a rater."""

    rater: str
    started: str = ""
    """Time of the start, as text."""
    is_finished: bool = True


@dataclass(frozen=True, kw_only=True)
class StudyVotes:
    """All votes of a study, and the plan of their analysis."""

    name: str
    answer: Answer
    methods: tuple[str, ...]
    """The methods that are compared, in the order of the study, without hidden references and anchors."""
    sessions: tuple[RaterSession, ...]
    votes: tuple[StudyVote, ...]
    plan: AnalysisPlan
    stored_plan_hash: str = ""
    """Hash of the plan when the study began."""

    @property
    def first_votes(self) -> tuple[StudyVote, ...]:
        """Votes on pictures, without traps and repeated questions."""
        return tuple(vote for vote in self.votes if vote.is_first)


class StimulusVotes(NamedTuple):
    """Votes as a matrix, with the names of its rows and columns."""

    votes: VoteMatrix
    stimuli: tuple[tuple[str, str, str], ...]
    raters: tuple[str, ...]


def by_stimulus(votes: Iterable[StudyVote]) -> StimulusVotes:
    """The votes as a matrix with a row per stimulus and a column per rater, both in alphabetical order.

    Args:
        votes: At most one vote of each rater on a stimulus; of several the first is taken.
    """
    kept = list(votes)
    stimuli = sorted({vote.stimulus for vote in kept})
    raters = sorted({vote.rater for vote in kept})
    row = {stimulus: number for number, stimulus in enumerate(stimuli)}
    column = {rater: number for number, rater in enumerate(raters)}
    matrix = np.full((len(stimuli), len(raters)), np.nan)
    for vote in reversed(kept):
        matrix[row[vote.stimulus], column[vote.rater]] = vote.value
    return StimulusVotes(matrix, tuple(stimuli), tuple(raters))


def by_method(votes: Iterable[StudyVote], methods: Sequence[str]) -> tuple[VoteCube, tuple[str, ...]]:
    """Opinions as (methods, images, raters), NaN without a vote, and the names of the images."""
    number = {method: index for index, method in enumerate(methods)}
    kept = [vote for vote in votes if vote.method in number]
    images = sorted({vote.image for vote in kept})
    raters = sorted({vote.rater for vote in kept})
    row = {image: index for index, image in enumerate(images)}
    column = {rater: index for index, rater in enumerate(raters)}
    cube = np.full((len(methods), len(images), len(raters)), np.nan)
    for vote in reversed(kept):
        cube[number[vote.method], row[vote.image], column[vote.rater]] = vote.value
    return cube, tuple(images)


def count_wins(
    votes: Iterable[StudyVote], methods: Sequence[str], weights: Iterable[float] | None = None
) -> WinMatrix:
    """How often each method (row) was preferred to each other (column); a tie is half a win for both.

    Args:
        votes: Votes on pairs; others are ignored.
        methods: The methods.
        weights: How often each vote counts; None: once.
    """
    number = {method: index for index, method in enumerate(methods)}
    wins = np.zeros((len(methods), len(methods)))
    counts = weights if weights is not None else iter(lambda: 1.0, None)
    for vote, count in zip(votes, counts, strict=False):
        if vote.method in number and vote.other in number:
            first, second = number[vote.method], number[vote.other]
            wins[first, second] += count * (2 - vote.value) / 2
            wins[second, first] += count * vote.value / 2
    return wins


def of_raters(votes: Iterable[StudyVote], raters: Collection[str]) -> tuple[StudyVote, ...]:
    """The votes of some raters."""
    return tuple(vote for vote in votes if vote.rater in raters)
