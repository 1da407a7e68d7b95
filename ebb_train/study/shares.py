"""The share of votes that prefer one of two pictures, with intervals."""

from __future__ import annotations

from typing import NamedTuple

from ebb.errors import UsageError
from ebb_train.optional import scipy_module, statsmodels_module


class PreferenceShare(NamedTuple):
    """A share of votes with its 95 % intervals, and the test against one half.

    Examples:
        >>> ebb_train.study.preference_share(0, 20).wilson_low
        0.0
    """

    share: float
    wilson_low: float
    wilson_high: float
    exact_low: float
    """Lower end of the interval of Clopper and Pearson."""
    exact_high: float
    p_value: float
    """Exact binomial test, two-sided, of a share of one half."""
    num_votes: int


def preference_share(preferred: int, num_votes: int, *, level: float = 0.95) -> PreferenceShare:
    """Share of independent votes, with the intervals of Wilson and of Clopper and Pearson.

    Brown, Cai and DasGupta, "Interval estimation for a binomial proportion" (Statistical Science 2001).
    Several votes of a rater, or on an image, are not independent: the intervals are then too narrow. Ties are
    to be left out of both numbers.

    Args:
        preferred: Number of votes for the picture.
        num_votes: Number of votes for one of the two, at least 1.
        level: Level of confidence.

    Raises:
        UsageError: the numbers are not counts, or ``preferred`` is larger.
        MissingDependency: SciPy or statsmodels is not installed.

    Examples:
        >>> found = ebb_train.study.preference_share(537, 1000)
        >>> round(found.wilson_low, 3), round(found.wilson_high, 3), round(found.p_value, 3)
        (0.506, 0.568, 0.021)
    """
    if not 0 <= preferred <= num_votes or num_votes < 1:
        raise UsageError(f"{preferred} of {num_votes} votes are no share")
    interval = statsmodels_module("stats.proportion").proportion_confint
    wilson_low, wilson_high = interval(preferred, num_votes, alpha=1 - level, method="wilson")
    exact_low, exact_high = interval(preferred, num_votes, alpha=1 - level, method="beta")
    return PreferenceShare(
        share=preferred / num_votes,
        wilson_low=float(wilson_low) if preferred else 0.0,  # without the error of rounding
        wilson_high=float(wilson_high) if preferred < num_votes else 1.0,
        exact_low=float(exact_low),
        exact_high=float(exact_high),
        p_value=float(scipy_module("stats").binomtest(preferred, num_votes).pvalue),
        num_votes=num_votes,
    )
