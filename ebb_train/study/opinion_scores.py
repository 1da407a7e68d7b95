"""Mean opinion scores of stimuli, and the bias and inconsistency of raters.

All functions take a matrix of votes, a row per stimulus and a column per rater, NaN where a rater has not
voted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebb.errors import InvalidInput, UsageError
from ebb_train.optional import scipy_module

VoteMatrix: TypeAlias = NDArray[np.float64]
"""(J, I): the vote of rater i on stimulus j; NaN: no vote."""

Numbers1D: TypeAlias = NDArray[np.float64]

ROUNDING_VARIANCE = 1 / 12
"""Variance of the error of rounding to integers: the least variance of a rater who votes in integers."""

MAX_ROUNDS = 1000
_CONVERGED = 1e-8


@dataclass(frozen=True, kw_only=True)
class OpinionScores:
    """Mean opinion scores with their intervals, one element per stimulus.

    Examples:
        >>> import numpy as np
        >>> found = ebb_train.study.mean_opinion_scores(np.array([[0.0, 1, 1, 2]]))
        >>> found.num_votes.tolist(), round(float(found.sd[0]), 4)
        ([4], 0.8165)
    """

    mos: Numbers1D
    """Mean over raters; NaN without votes."""
    half_width: Numbers1D
    """Half of the width of the t interval; NaN for fewer than two votes."""
    sd: Numbers1D
    """Standard deviation of opinion scores (n − 1); NaN for fewer than two votes."""
    num_votes: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class RaterModel:
    """Quality of stimuli, and bias and inconsistency of raters, as ``alternating_projection`` estimates them.

    Examples:
        >>> import numpy as np
        >>> votes = np.array([[0.0, 1, 0], [2, 3, 3], [3, 4, 3], [1, 2, 1]])
        >>> found = ebb_train.study.alternating_projection(votes)
        >>> int(found.bias.argmax())  # the second rater votes higher than the others
        1
    """

    quality: Numbers1D
    """(J,) score of each stimulus without the biases of its raters."""
    se: Numbers1D
    """(J,) standard error of the quality from the residuals of its votes, σ_j / √n_j (variant AP2)."""
    se_by_weights: Numbers1D
    """(J,) standard error of the quality from the weights of its raters, 1 / √Σw_i (variant AP1)."""
    bias: Numbers1D
    """(I,) mean of a rater's votes above the quality; their mean is 0."""
    inconsistency: Numbers1D
    """(I,) standard deviation of a rater's votes around quality plus bias."""
    rounds: int
    """Number of iterations."""


def mean_opinion_scores(votes: VoteMatrix, *, level: float = 0.95) -> OpinionScores:
    """Mean opinion score of each stimulus with its interval by Student's t distribution.

    ITU-T P.910. The interval describes other raters of the same stimulus; differences
    between methods are estimated by :func:`compare_methods`.

    Args:
        votes: (J, I) votes of I raters on J stimuli; NaN: no vote.
        level: Level of confidence.

    Raises:
        UsageError: the votes are not a matrix, or infinite.
        MissingDependency: SciPy is not installed.

    Examples:
        >>> import numpy as np
        >>> votes = np.array([[0.0, 1, 1, 2], [3, 4, 4, np.nan]])
        >>> found = ebb_train.study.mean_opinion_scores(votes)
        >>> found.mos.round(3).tolist(), found.half_width.round(3).tolist()
        ([1.0, 3.667], [1.299, 1.434])
    """
    votes = checked(votes)
    num_votes = np.isfinite(votes).sum(axis=1)
    mos = mean_of_votes(votes, axis=1)
    squares = np.where(np.isfinite(votes), (votes - mos[:, None]) ** 2, 0.0).sum(axis=1)
    several = np.where(num_votes > 1, num_votes, 2)
    sd = np.where(num_votes > 1, np.sqrt(squares / (several - 1)), np.nan)
    quantile = scipy_module("stats").t.ppf(0.5 + level / 2, several - 1)
    return OpinionScores(mos=mos, half_width=quantile * sd / np.sqrt(several), sd=sd, num_votes=num_votes)


def remove_bias(votes: VoteMatrix) -> VoteMatrix:
    """Subtract from the votes of each rater their mean difference from the mean opinion scores.

    ITU-T P.913, section 12.4.

    Args:
        votes: (J, I) votes; NaN: no vote.

    Raises:
        UsageError: the votes are not a matrix, or infinite.

    Examples:
        >>> import numpy as np
        >>> ebb_train.study.remove_bias(np.array([[0.0, 1], [2, 3]])).tolist()
        [[0.5, 0.5], [2.5, 2.5]]
    """
    votes = checked(votes)
    return votes - mean_of_votes(votes - mean_of_votes(votes, axis=1)[:, None], axis=0)


def alternating_projection(votes: VoteMatrix) -> RaterModel:
    """Estimate the quality of stimuli together with the bias and the inconsistency of each rater.

    ITU-T P.910 and P.913, section 12.6: votes minus bias are averaged with the
    weights 1 / σ_i², where σ_i is the standard deviation of the residuals of rater i. Here the weight is
    1 / max(σ_i², 1/12): without a lower limit, the largest of the weights may grow until the estimate
    consists of the votes of one rater. 1/12 is the variance of rounding to integers.

    Args:
        votes: (J, I) votes in steps of 1; NaN: no vote. Each stimulus and each rater has a vote.

    Raises:
        UsageError: the votes are not a matrix, are infinite, or a stimulus or a rater has no vote.
        InvalidInput: raters fall into groups without a common stimulus, whose biases cannot be compared.
        MissingDependency: SciPy is not installed.

    Examples:
        >>> import numpy as np
        >>> votes = np.array([[0.0, 1, 0], [2, 3, 3], [3, 4, 3], [1, 2, 1]])
        >>> found = ebb_train.study.alternating_projection(votes)
        >>> found.quality.round(2).tolist(), found.bias.round(2).tolist()
        ([0.33, 2.67, 3.33, 1.33], [-0.42, 0.58, -0.17])
    """
    votes = checked(votes)
    _check_connected(votes)
    quality = mean_of_votes(votes, axis=1)
    bias = mean_of_votes(votes - quality[:, None], axis=0)
    rounds, before = 0, np.full_like(quality, np.inf)
    while rounds < MAX_ROUNDS and np.linalg.norm(quality - before) >= _CONVERGED:
        rounds, before = rounds + 1, quality
        weights = _weights(_spread(votes - quality[:, None] - bias, axis=0))
        quality = _weighted_mean(votes - bias, weights)
        bias = mean_of_votes(votes - quality[:, None], axis=0)
    residuals = votes - quality[:, None] - bias
    inconsistency = _spread(residuals, axis=0)
    present = np.isfinite(votes)
    return RaterModel(
        quality=quality + bias.mean(),
        se=_spread(residuals, axis=1) / np.sqrt(present.sum(axis=1)),
        se_by_weights=1 / np.sqrt(present @ _weights(inconsistency)),
        bias=bias - bias.mean(),
        inconsistency=inconsistency,
        rounds=rounds,
    )


def sos_parameter(votes: VoteMatrix, *, highest: float = 4.0) -> float:
    """Spread of opinions: the factor a of variance ≈ a · MOS · (highest − MOS), by least squares.

    Hoßfeld, Schatz and Egger, "SOS: the MOS is not enough!" (QoMEX 2011). Stimuli with fewer than
    two votes are left out.

    Args:
        votes: (J, I) votes from 0 to ``highest``; NaN: no vote.
        highest: Upper end of the scale.

    Returns:
        The factor: 0 if all raters agree, about 1 if they vote for the ends of the scale only; NaN if no
        stimulus lies inside the scale.

    Raises:
        UsageError: the votes are not a matrix, or infinite.
        MissingDependency: SciPy is not installed.

    Examples:
        >>> import numpy as np
        >>> round(ebb_train.study.sos_parameter(np.array([[1.0, 3], [2, 2]])), 6)
        0.25
    """
    votes = checked(votes)
    found = mean_opinion_scores(votes[np.isfinite(votes).sum(axis=1) > 1])
    shape, variance = found.mos * (highest - found.mos), found.sd**2
    total = float((shape**2).sum())
    return float((shape * variance).sum()) / total if total > 0 else np.nan


def checked(votes: VoteMatrix) -> VoteMatrix:
    """The votes as a matrix of float64.

    Raises:
        UsageError: they are not a matrix, or infinite.
    """
    matrix = np.asarray(votes, np.float64)
    if matrix.ndim != 2:
        raise UsageError(
            f"votes have {matrix.ndim} dimensions", hint="a row per stimulus, a column per rater"
        )
    if np.isinf(matrix).any():
        raise UsageError("votes must be finite", hint="NaN stands for no vote")
    return matrix


def mean_of_votes(votes: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Mean over an axis without missing votes; NaN where there is none."""
    present = np.isfinite(votes)
    count = present.sum(axis=axis)
    total = np.where(present, votes, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _spread(residuals: VoteMatrix, axis: int) -> Numbers1D:
    """Population standard deviation without missing votes."""
    mean = np.expand_dims(mean_of_votes(residuals, axis), axis)
    return np.sqrt(mean_of_votes((residuals - mean) ** 2, axis))


def _weights(inconsistency: Numbers1D) -> Numbers1D:
    return 1 / np.maximum(inconsistency**2, ROUNDING_VARIANCE)


def _weighted_mean(votes: VoteMatrix, weights: Numbers1D) -> Numbers1D:
    present = np.isfinite(votes)
    mean: Numbers1D = np.where(present, votes, 0.0) @ weights / (present @ weights)
    return mean


def _check_connected(votes: VoteMatrix) -> None:
    """Refuse empty rows and columns, and raters who cannot be compared through common stimuli."""
    present = np.isfinite(votes)
    if not (present.any(axis=0).all() and present.any(axis=1).all()):
        raise UsageError("a stimulus or a rater has no vote", hint="leave out its row or column")
    counts = present.astype(np.float32)  # integers would not use a fast matrix product
    shared = counts.T @ counts > 0
    groups, _ = scipy_module("sparse.csgraph").connected_components(shared, directed=False)
    if groups > 1:
        raise InvalidInput(
            f"the raters fall into {groups} groups without a common stimulus",
            hint="their biases cannot be compared; use the plain mean opinion scores",
        )
