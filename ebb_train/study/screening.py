"""Screening of raters by their votes alone: BT.500, and correlation with the other raters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb_train.study.opinion_scores import checked, mean_of_votes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb_train.study.opinion_scores import Numbers1D, VoteMatrix

MAX_SHARE = 0.05
"""BT.500: share of outlying votes above which a rater may be rejected."""

MAX_IMBALANCE = 0.3
"""BT.500: a rater whose outliers lie more to one side than this is biased, not erratic."""


@dataclass(frozen=True, kw_only=True)
class Bt500Screening:
    """Result of :func:`bt500_screening`, one element per rater.

    Examples:
        >>> import numpy as np
        >>> votes = np.tile(np.arange(5.0)[:, None], (4, 30))
        >>> ebb_train.study.bt500_screening(votes).rejected.any()
        np.False_
    """

    rejected: NDArray[np.bool_]
    outlying: Numbers1D
    """Share of a rater's votes far from the mean, (P + Q) / votes; NaN without votes."""
    imbalance: Numbers1D
    """\\|P − Q\\| / (P + Q); NaN without outlying votes."""


def bt500_screening(votes: VoteMatrix) -> Bt500Screening:
    """Reject raters with many votes far above and far below the means.

    ITU-R BT.500, screening of observers by kurtosis. A vote is outlying if it differs from the mean of its
    stimulus by at least 2 standard deviations, or √20 if the kurtosis of the stimulus is not between 2 and 4.
    A rater is rejected with more than 5 % outlying votes, if the numbers above and below differ by less than
    30 % of their sum. If this applies to all raters, none is rejected. It needs raters who voted on most
    stimuli: with fewer than 20 votes, 5 % is less than one vote.

    Args:
        votes: (J, I) votes; NaN: no vote.

    Raises:
        UsageError: the votes are not a matrix, or infinite.

    Examples:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> votes = np.round(rng.normal(2, 0.7, (20, 24)))
        >>> votes[:, 23] = np.tile([0, 4], 10)  # the last rater votes without looking
        >>> np.flatnonzero(ebb_train.study.bt500_screening(votes).rejected).tolist()
        [23]
    """
    votes = checked(votes)
    mean = mean_of_votes(votes, axis=1)[:, None]
    second = mean_of_votes((votes - mean) ** 2, axis=1)
    fourth = mean_of_votes((votes - mean) ** 4, axis=1)
    varies = second > 0
    kurtosis = np.where(varies, fourth / np.where(varies, second, 1.0) ** 2, np.nan)
    factor = np.where((kurtosis >= 2) & (kurtosis <= 4), 2.0, np.sqrt(20.0))
    limit = np.where(varies, factor * np.sqrt(second), np.inf)[:, None]
    above, below = (votes >= mean + limit).sum(axis=0), (votes <= mean - limit).sum(axis=0)
    outlying = _ratio(above + below, np.isfinite(votes).sum(axis=0))
    imbalance = _ratio(np.abs(above - below), above + below)
    rejected = (outlying > MAX_SHARE) & (imbalance < MAX_IMBALANCE)
    return Bt500Screening(rejected=rejected & (not rejected.all()), outlying=outlying, imbalance=imbalance)


def leave_one_out_correlations(votes: VoteMatrix) -> Numbers1D:
    """Pearson correlation of each rater's votes with the means of the other raters on the same stimuli.

    The rater's own votes are not in the means, which would raise the correlation of raters who vote at
    random.

    Args:
        votes: (J, I) votes; NaN: no vote.

    Returns:
        (I,) correlations; NaN for raters with fewer than three stimuli in common with others, or without
        variation in their votes or in those of the others.

    Raises:
        UsageError: the votes are not a matrix, or infinite.

    Examples:
        >>> import numpy as np
        >>> votes = np.array([[0.0, 1, 4], [1, 2, 3], [2, 3, 1], [4, 4, 0]])
        >>> ebb_train.study.leave_one_out_correlations(votes).round(2).tolist()
        [-0.85, -0.26, -0.98]
    """
    votes = checked(votes)
    found, _ = correlations_with_others(votes, np.ones(votes.shape[1], np.bool_))
    return found


def correlations_with_others(
    votes: VoteMatrix, in_means: NDArray[np.bool_]
) -> tuple[Numbers1D, NDArray[np.int64]]:
    """Correlation of each rater with the mean of the others, and the number of stimuli that it is over.

    Args:
        votes: (J, I) votes; NaN: no vote.
        in_means: (I,) raters whose votes are in the means, each time without the rater's own.
    """
    present = np.isfinite(votes)
    own = np.where(present, votes, 0.0)
    total, count = (own * in_means).sum(axis=1), (present & in_means).sum(axis=1)
    correlations, common = np.full(votes.shape[1], np.nan), np.zeros(votes.shape[1], np.int64)
    for rater, is_in in enumerate(in_means):
        others = count - (present[:, rater] & is_in)
        both = present[:, rater] & (others > 0)
        means = (total - own[:, rater] * is_in)[both] / others[both]
        common[rater] = both.sum()
        correlations[rater] = pearson(own[both, rater], means)
    return correlations, common


def pearson(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Pearson correlation; NaN for fewer than three values, or without variation."""
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return np.nan
    return float(np.corrcoef(first, second)[0, 1])


def _ratio(numerator: NDArray[np.int64], denominator: NDArray[np.int64]) -> Numbers1D:
    return np.where(denominator > 0, numerator / np.maximum(denominator, 1), np.nan)
