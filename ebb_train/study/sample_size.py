"""How many votes a study needs, by the normal approximation."""

from __future__ import annotations

import math
from statistics import NormalDist

from ebb.errors import UsageError

LEVEL = 0.95
"""Level of confidence of all intervals; tests are at 1 − LEVEL."""

POWER = 0.8
"""Probability with which a difference is to be found."""


def votes_for_half_width(half_width: float, sd: float) -> int:
    """Number of independent votes for a half-width of the 95 % interval of a mean: (1.96 s / h)².

    Args:
        half_width: The half-width h, above 0, in steps of the scale.
        sd: Standard deviation s of the votes, above 0; typically 0.7 to 0.9.

    Raises:
        UsageError: a number is not positive.

    Examples:
        >>> ebb_train.study.votes_for_half_width(0.1, 0.8)
        246
    """
    _check_positive(half_width=half_width, sd=sd)
    return math.ceil((_z(LEVEL) * sd / half_width) ** 2)


def votes_for_difference(
    difference: float, sd: float, *, correlation: float = 0.0, power: float = POWER
) -> int:
    """Number of votes for each of two methods with which a difference of their means is found.

    Args:
        difference: Difference of the means, in steps of the scale; its sign does not matter.
        sd: Standard deviation of the votes for one method.
        correlation: Correlation of the votes for both methods on the same image by the same rater, below 1.
        power: Probability with which a two-sided test at 5 % finds the difference, above 0.5.

    Raises:
        UsageError: a number is not in its range.

    Examples:
        >>> ebb_train.study.votes_for_difference(0.1, 0.7), ebb_train.study.votes_for_difference(
        ...     0.1, 0.7, correlation=0.5
        ... )
        (770, 385)
    """
    _check_positive(difference=abs(difference), sd=sd)
    if not (-1 <= correlation < 1 and 0.5 < power < 1):
        raise UsageError("correlation must be at least -1 and below 1, power between 0.5 and 1")
    variance = 2 * sd**2 * (1 - correlation)
    return math.ceil((_z(LEVEL) + NormalDist().inv_cdf(power)) ** 2 * variance / difference**2)


def votes_for_share(share: float, *, power: float = POWER) -> int:
    """Number of independent votes with which a preference is distinguished from one half.

    Args:
        share: Share of the votes for the preferred picture, between 0 and 1, not one half.
        power: Probability with which a two-sided test at 5 % finds it, above 0.5.

    Raises:
        UsageError: a number is not in its range.

    Examples:
        >>> ebb_train.study.votes_for_share(0.537)  # the preference that the paper reports
        1431
    """
    if not (0 < share < 1 and share != 0.5 and 0.5 < power < 1):
        raise UsageError(f"share {share:g} must be between 0 and 1 and not 0.5, power between 0.5 and 1")
    spread = _z(LEVEL) * 0.5 + NormalDist().inv_cdf(power) * math.sqrt(share * (1 - share))
    return math.ceil((spread / (share - 0.5)) ** 2)


def images_for_difference(difference: float, sd_of_differences: float, *, power: float = POWER) -> int:
    """Number of images with which a paired difference by image is found, with as many votes per image as now.

    Args:
        difference: Mean over images of the difference of two methods.
        sd_of_differences: Standard deviation over images of that difference, above 0.
        power: Probability with which a two-sided test at 5 % finds the difference, above 0.5.

    Raises:
        UsageError: a number is not in its range.

    Examples:
        >>> ebb_train.study.images_for_difference(0.1, 0.5)
        197
    """
    # the variance of a paired difference stands for that of two independent methods
    return votes_for_difference(difference, sd_of_differences / math.sqrt(2), power=power)


def _z(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)


def _check_positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not 0 < number < math.inf:
            raise UsageError(f"{name.replace('_', ' ')} must be above 0, not {number:g}")
