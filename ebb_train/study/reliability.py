"""Agreement of raters: Krippendorff's alpha and intraclass correlations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from ebb.errors import UsageError
from ebb_train.study.opinion_scores import checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb_train.study.opinion_scores import VoteMatrix

ScaleLevel: TypeAlias = Literal["nominal", "ordinal", "interval"]
"""What differences between votes mean: equal or not; their order; their size."""


class IntraclassCorrelation(NamedTuple):
    """Intraclass correlations of random raters, absolute agreement.

    Examples:
        >>> import numpy as np
        >>> ebb_train.study.intraclass_correlation(np.array([[0.0, 1], [2, 3], [3, 4]])).num_stimuli
        3
    """

    single: float
    """ICC(2,1): reliability of the votes of one rater."""
    average: float
    """ICC(2,k): reliability of the mean over all raters."""
    num_stimuli: int
    """Stimuli on which all raters voted; the others are left out."""


def krippendorff_alpha(votes: VoteMatrix, level: ScaleLevel = "ordinal") -> float:
    """Krippendorff's alpha: 1 for complete agreement, 0 for votes at random, negative below.

    Krippendorff, "Content analysis" (4th ed., 2018), chapter 12. Stimuli with a single vote are left out.

    Args:
        votes: (J, I) votes; NaN: no vote.
        level: What differences between votes mean.

    Returns:
        Alpha; NaN if no stimulus has two votes or all votes are equal.

    Raises:
        UsageError: the votes are not a matrix, are infinite, or the level is unknown.

    Examples:
        >>> import numpy as np
        >>> votes = np.array([[0.0, 0, 1], [3, 3, 3], [4, 4, 3], [1, 2, np.nan]])
        >>> round(ebb_train.study.krippendorff_alpha(votes), 3)
        0.866
    """
    votes = checked(votes)
    values = np.unique(votes[np.isfinite(votes)])
    counts = (votes[:, :, None] == values).sum(axis=1).astype(np.float64)
    counts = counts[counts.sum(axis=1) > 1]
    per_stimulus = counts.sum(axis=1, keepdims=True)
    # pairs of votes on the same stimulus, each stimulus weighted by its number of votes
    observed = (counts / (per_stimulus - 1)).T @ counts - np.diag((counts / (per_stimulus - 1)).sum(axis=0))
    totals = observed.sum(axis=0)
    num_votes = totals.sum()
    distance = _distances(values, totals, level)
    expected = float((np.outer(totals, totals) * distance).sum())
    if num_votes < 2 or expected == 0:
        return np.nan
    return 1 - float((num_votes - 1) * (observed * distance).sum() / expected)


def intraclass_correlation(votes: VoteMatrix) -> IntraclassCorrelation:
    """ICC(2,1) and ICC(2,k) on the stimuli on which all raters voted.

    Shrout and Fleiss, "Intraclass correlations: uses in assessing rater reliability" (Psychological Bulletin
    1979), case 2: raters and stimuli are random samples, and differences between raters count as error.

    Args:
        votes: (J, I) votes; NaN: no vote.

    Returns:
        Both correlations; NaN for fewer than two complete stimuli or raters, or without variation.

    Raises:
        UsageError: the votes are not a matrix, or infinite.

    Examples:
        >>> import numpy as np
        >>> votes = np.array([[0.0, 1, 0], [2, 3, 3], [3, 4, 3], [1, 2, 1]])
        >>> found = ebb_train.study.intraclass_correlation(votes)
        >>> round(found.single, 3), round(found.average, 3)
        (0.842, 0.941)
    """
    votes = checked(votes)
    whole = votes[np.isfinite(votes).all(axis=1)]
    rows, columns = whole.shape
    if rows < 2 or columns < 2:
        return IntraclassCorrelation(np.nan, np.nan, rows)
    mean, row_means, column_means = whole.mean(), whole.mean(axis=1), whole.mean(axis=0)
    between_rows = columns * float(((row_means - mean) ** 2).sum()) / (rows - 1)
    between_columns = rows * float(((column_means - mean) ** 2).sum()) / (columns - 1)
    residual = whole - row_means[:, None] - column_means + mean
    error = float((residual**2).sum()) / ((rows - 1) * (columns - 1))
    signal, rater_excess = between_rows - error, between_columns - error
    single = between_rows + (columns - 1) * error + columns * rater_excess / rows
    average = between_rows + rater_excess / rows
    return IntraclassCorrelation(_share(signal, single), _share(signal, average), rows)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else np.nan


def _distances(
    values: NDArray[np.float64], totals: NDArray[np.float64], level: ScaleLevel
) -> NDArray[np.float64]:
    """(V, V) squared distances between values."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    if level == "interval":
        return np.asarray((values[:, None] - values) ** 2)
    if level == "ordinal":  # votes between two values, and half of those at each
        middle = np.cumsum(totals) - totals / 2
        return np.asarray((middle[:, None] - middle) ** 2)
    raise UsageError(f"level {level!r} is unknown", hint="nominal, ordinal or interval")
