"""Standard error of the difference of two methods when votes are crossed by images and raters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb_train.optional import scipy_module
from ebb_train.study.opinion_scores import mean_of_votes

if TYPE_CHECKING:
    from numpy.typing import NDArray


class CrossedInterval(NamedTuple):
    """An interval of a difference that holds for other images and other raters."""

    low: float
    """NaN where no error can be estimated."""
    high: float
    p_value: float
    """Test of no difference, two-sided; 1 where no error can be estimated."""


def crossed_interval(
    first: NDArray[np.float64], second: NDArray[np.float64], level: float = 0.95
) -> CrossedInterval:
    """Interval of the mean over images of the difference of the means of two methods.

    The squared error is that of the differences of images, plus what votes of the same rater on different
    images have in common, which the images alone do not show: two-way clustering as in Cameron, Gelbach and
    Miller, "Robust inference with multiway clustering" (Journal of Business & Economic Statistics 2011),
    where what both clusterings contain is subtracted once. The second part is set to 0 if it is negative, so
    that the interval is never narrower than that over images. Degrees of freedom: Welch and Satterthwaite.

    Args:
        first: (N, R) votes of R raters on N images for the first method; NaN: no vote.
        second: (N, R) votes for the second.
        level: Level of confidence.

    Raises:
        MissingDependency: SciPy is not installed.
    """
    means = mean_of_votes(first, axis=1) - mean_of_votes(second, axis=1)
    common = np.isfinite(means)
    num_images = int(common.sum())
    if num_images < 2 or np.ptp(means[common]) < 1e-12:
        return CrossedInterval(math.nan, math.nan, 1.0)
    difference = float(means[common].mean())
    by_image = float(means[common].var(ddof=1)) / num_images
    contributions = (_deviations(first) - _deviations(second))[common] / num_images
    excess = float((contributions.sum(axis=0) ** 2).sum() - (contributions**2).sum())
    num_raters = int((np.isfinite(first) | np.isfinite(second))[common].any(axis=0).sum())
    by_rater = max(0.0, excess) if num_raters > 1 else 0.0
    variance = by_image + by_rater
    freedom = variance**2 / (by_image**2 / (num_images - 1) + by_rater**2 / max(1, num_raters - 1))
    t = scipy_module("stats").t
    half_width = float(t.ppf(0.5 + level / 2, freedom)) * math.sqrt(variance)
    p_value = float(2 * t.sf(abs(difference) / math.sqrt(variance), freedom))
    return CrossedInterval(difference - half_width, difference + half_width, p_value)


def _deviations(votes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, R) how far each vote moves the mean of its picture, which it is part of; 0: no vote."""
    count = np.isfinite(votes).sum(axis=1, keepdims=True)
    several = np.maximum(count, 2)
    scale = np.sqrt(several / (several - 1)) / several
    deviation = (votes - mean_of_votes(votes, axis=1)[:, None]) * scale
    return np.where(np.isfinite(deviation) & (count > 1), deviation, 0.0)
