"""Everything that the opinions of a set of raters say: scores, comparisons, agreement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import InvalidInput
from ebb_train.study.method_comparison import compare_methods
from ebb_train.study.opinion_scores import (
    alternating_projection,
    mean_of_votes,
    mean_opinion_scores,
    remove_bias,
    sos_parameter,
)
from ebb_train.study.reliability import intraclass_correlation, krippendorff_alpha
from ebb_train.study.screening import bt500_screening
from ebb_train.study.votes import StimulusKind, by_method, by_stimulus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ebb_train.study.analysis_plan import AnalysisPlan
    from ebb_train.study.method_comparison import MethodComparison
    from ebb_train.study.opinion_scores import Numbers1D, RaterModel, VoteMatrix
    from ebb_train.study.reliability import IntraclassCorrelation
    from ebb_train.study.votes import StimulusVotes, StudyVote

PLAIN, UNBIASED, PROJECTED, SCREENED = "plain", "bias removed", "weighted", "BT.500"
"""Names of the ways to compute a mean opinion score: the mean; without the raters' bias (P.913); with bias
and weights (P.910); of the raters that BT.500 keeps."""


@dataclass(frozen=True, kw_only=True)
class StimulusScore:
    """The scores of one picture."""

    image: str
    method: str
    kind: StimulusKind
    mos: float
    half_width: float
    """Half-width of the t interval over raters; NaN for one vote."""
    sd: float
    num_votes: int
    quality: float
    """Score without the biases of its raters; NaN if it cannot be estimated."""
    quality_se: float


@dataclass(frozen=True, kw_only=True)
class OpinionResults:
    """Results of the opinions of a set of raters."""

    comparison: MethodComparison
    controls: tuple[tuple[str, float, int], ...]
    """Hidden references and anchors: name, mean opinion score, number of votes."""
    stimuli: tuple[StimulusScore, ...]
    by_way: Mapping[str, tuple[float, ...]]
    """Way of computing → mean opinion score of each method; for comparison with the plain one."""
    bias: Mapping[str, float]
    """Rater → bias; empty if it cannot be estimated."""
    inconsistency: Mapping[str, float]
    rejected_by_bt500: tuple[str, ...]
    alpha: Mapping[str, float]
    """Level of the scale → Krippendorff's alpha; this and the numbers below are of real pictures."""
    icc: IntraclassCorrelation
    sos: float
    pooled_sd: float
    """Standard deviation of the votes on a picture, pooled over pictures; NaN without two votes on one."""
    notes: tuple[str, ...] = ()
    """Why something cannot be estimated."""


def opinion_results(votes: Sequence[StudyVote], methods: Sequence[str], plan: AnalysisPlan) -> OpinionResults:
    """Compute the results.

    Args:
        votes: First votes of the raters, without traps.
        methods: The methods to compare.
        plan: Settings of the bootstrap.
    """
    kinds = {vote.method: vote.kind for vote in votes}
    found = by_stimulus(votes)
    model, note = _rater_model(found)
    screening = bt500_screening(found.votes)
    cube, _ = by_method(votes, methods)
    kept = found.votes[:, ~screening.rejected]
    ways = {
        PLAIN: mean_of_votes(found.votes, axis=1),
        UNBIASED: mean_of_votes(remove_bias(found.votes), axis=1),
        **({PROJECTED: model.quality} if model else {}),
        SCREENED: mean_of_votes(kept, axis=1),
    }
    real = by_stimulus([vote for vote in votes if vote.kind is StimulusKind.REAL]).votes
    return OpinionResults(
        comparison=compare_methods(cube, methods, resamples=plan.resamples, seed=plan.seed),
        controls=_controls(votes, kinds),
        stimuli=_stimuli(found, kinds, model),
        by_way={way: _method_means(found, scores, methods) for way, scores in ways.items()},
        bias=_by_rater(found, model.bias if model else None),
        inconsistency=_by_rater(found, model.inconsistency if model else None),
        rejected_by_bt500=tuple(np.array(found.raters, object)[screening.rejected]),
        alpha={level: krippendorff_alpha(real, level) for level in ("nominal", "ordinal", "interval")},
        icc=intraclass_correlation(real),
        sos=sos_parameter(real),
        pooled_sd=_pooled_sd(real),
        notes=(note,) if note else (),
    )


def _rater_model(found: StimulusVotes) -> tuple[RaterModel | None, str]:
    if not found.raters:
        return None, ""
    try:
        return alternating_projection(found.votes), ""
    except InvalidInput as error:
        return None, f"bias and inconsistency of raters cannot be estimated: {error.message}"


def _controls(
    votes: Sequence[StudyVote], kinds: Mapping[str, StimulusKind]
) -> tuple[tuple[str, float, int], ...]:
    names = [name for name, kind in kinds.items() if kind is not StimulusKind.REAL]
    values = {name: [vote.value for vote in votes if vote.method == name] for name in sorted(names)}
    return tuple((name, float(np.mean(own)), len(own)) for name, own in values.items())


def _stimuli(
    found: StimulusVotes, kinds: Mapping[str, StimulusKind], model: RaterModel | None
) -> tuple[StimulusScore, ...]:
    scores = mean_opinion_scores(found.votes)
    return tuple(
        StimulusScore(
            image=image,
            method=method,
            kind=kinds[method],
            mos=float(scores.mos[row]),
            half_width=float(scores.half_width[row]),
            sd=float(scores.sd[row]),
            num_votes=int(scores.num_votes[row]),
            quality=float(model.quality[row]) if model else np.nan,
            quality_se=float(model.se[row]) if model else np.nan,
        )
        for row, (image, method, _) in enumerate(found.stimuli)
    )


def _method_means(found: StimulusVotes, scores: Numbers1D, methods: Sequence[str]) -> tuple[float, ...]:
    """Mean over the pictures of each method."""
    own = {method: [row for row, one in enumerate(found.stimuli) if one[1] == method] for method in methods}
    return tuple(float(mean_of_votes(scores[rows], axis=0)) for rows in own.values())


def _by_rater(found: StimulusVotes, values: Numbers1D | None) -> dict[str, float]:
    return {} if values is None else dict(zip(found.raters, map(float, values), strict=True))


def _pooled_sd(votes: VoteMatrix) -> float:
    """Square root of the mean variance, weighted by degrees of freedom."""
    scores = mean_opinion_scores(votes)
    several = scores.num_votes > 1
    if not several.any():
        return np.nan
    return float(np.sqrt(np.average(scores.sd[several] ** 2, weights=scores.num_votes[several] - 1)))
