"""Comparison of methods that were voted on with the same images.

Votes are crossed: a rater votes on many images, an image is seen by many raters. Votes are therefore not
independent, and an interval that treats them as such covers the true difference too rarely. Here the unit is
the image: intervals by Student's t distribution over images. Whether methods are separated is decided by an
error that also contains what votes of the same rater have in common; a bootstrap of images and raters is
given for comparison.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebb.errors import UsageError
from ebb_train.metrics.aggregate import SEED
from ebb_train.optional import scipy_module, statsmodels_module
from ebb_train.study.crossed_error import crossed_interval
from ebb_train.study.opinion_scores import Numbers1D, mean_of_votes

if TYPE_CHECKING:
    from collections.abc import Sequence

VoteCube: TypeAlias = NDArray[np.float64]
"""(M, N, R): the vote of rater r on the picture of image n by method m; NaN: no vote."""

LEVEL = 0.95
RESAMPLES = 2000
_BLOCK = 4_000_000
"""Number of values of a block of bootstrap replicates: 32 MB."""


@dataclass(frozen=True, kw_only=True)
class MethodScore:
    """Mean opinion score of a method.

    Examples:
        >>> import numpy as np
        >>> votes = np.array([[[0.0], [1], [0]], [[3], [4], [3]]])
        >>> found = ebb_train.study.compare_methods(votes, ["a", "b"])
        >>> [(method.name, round(method.mos, 2), method.rank) for method in found.scores]
        [('a', 0.33, 1), ('b', 3.33, 1)]
    """

    name: str
    mos: float
    """Mean over images of the mean over raters; NaN without votes."""
    low: float
    """Lower end of the t interval over images; NaN for fewer than two images."""
    high: float
    num_images: int
    num_votes: int
    rank: int = 1
    """1 + the number of methods that are significantly better after Holm's correction."""


@dataclass(frozen=True, kw_only=True)
class MethodDifference:
    """Paired difference of two methods over the images that have votes for both.

    Examples:
        >>> found = ebb_train.study.paired_difference([0.1, 0.4, 0.2, 0.5], [1.0, 1.2, 1.3, 1.1])
        >>> round(found.difference, 3), round(found.low, 3), round(found.high, 3), round(found.p_value, 4)
        (-0.85, -1.181, -0.519, 0.0038)
    """

    first: str = ""
    second: str = ""
    difference: float
    """Mean of first − second; NaN without common images."""
    low: float
    """Lower end of the t interval over images; NaN for fewer than two images or without variation."""
    high: float
    t: float
    p_value: float
    """Paired t test, two-sided; 1 for fewer than two images or without variation."""
    crossed_low: float = np.nan
    """Lower end of the t interval over images and raters, which also holds for other raters."""
    crossed_high: float = np.nan
    p_crossed: float = 1.0
    """Test with the error over images and raters, two-sided; 1 where there is none."""
    p_holm: float = 1.0
    """``p_crossed`` after Holm's correction for the number of pairs of methods."""
    p_wilcoxon: float
    """Signed-rank test of Wilcoxon, for comparison."""
    bootstrap_low: float = np.nan
    """Lower end of the percentile interval of the bootstrap over images and raters."""
    bootstrap_high: float = np.nan
    sd: float
    """Standard deviation of the difference over images."""
    num_images: int

    @property
    def is_significant(self) -> bool:
        """Whether the difference is significant at 5 % after Holm's correction."""
        return self.p_holm < 1 - LEVEL


@dataclass(frozen=True, kw_only=True)
class MethodComparison:
    """All methods of a study.

    Examples:
        >>> import numpy as np
        >>> votes = np.array([[[0.0], [1], [0]], [[3], [4], [2]]])
        >>> ebb_train.study.compare_methods(votes, ["a", "b"]).of("b", "a").difference
        2.6666666666666665
    """

    scores: tuple[MethodScore, ...]
    """In the order of the methods."""
    differences: tuple[MethodDifference, ...]
    """Every pair of methods."""
    friedman: float
    """Statistic of Friedman's test over the images with votes for all methods, for comparison; NaN for fewer
    than three methods or two such images."""
    p_friedman: float

    def of(self, first: str, second: str) -> MethodDifference:
        """The difference of two methods, in this order.

        Raises:
            UsageError: there is no such pair.
        """
        for found in self.differences:
            if (found.first, found.second) == (first, second):
                return found
            if (found.second, found.first) == (first, second):
                return _reversed(found)
        raise UsageError(f"{first} and {second} are no pair of methods")


def compare_methods(
    votes: VoteCube, methods: Sequence[str], *, resamples: int = RESAMPLES, seed: int = SEED
) -> MethodComparison:
    """Mean opinion scores of methods, paired differences with intervals, and ranks; lower votes are better.

    Differences are those of the mean votes of each image. Methods are separated by the error over images and
    raters, with p-values corrected by Holm's method (Scandinavian Journal of Statistics 1979). The bootstrap
    draws images and raters with replacement, independently (Owen, "The pigeonhole bootstrap", Annals of
    Applied Statistics 2007).

    Args:
        votes: (M, N, R) votes of R raters on N images by M methods; NaN: no vote.
        methods: Names of the M methods.
        resamples: Number of draws of the bootstrap; 0: no bootstrap.
        seed: Seed of the draws.

    Raises:
        UsageError: the votes do not have this shape, a name occurs twice, or ``resamples`` is negative.
        MissingDependency: SciPy or statsmodels is not installed.

    Examples:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> means = np.array([1.0, 1.02, 2.0])[:, None, None]
        >>> votes = np.clip(np.round(means + rng.normal(0, 0.7, (3, 40, 10))), 0, 4)
        >>> found = ebb_train.study.compare_methods(votes, ["a", "b", "c"])
        >>> [method.rank for method in found.scores]
        [1, 1, 3]
    """
    votes = np.asarray(votes, np.float64)
    if votes.ndim != 3 or len(votes) != len(methods) or len(set(methods)) != len(methods):
        raise UsageError(f"votes of shape {votes.shape} do not belong to the methods {', '.join(methods)}")
    by_image = mean_of_votes(votes, axis=2)
    pairs = list(combinations(range(len(methods)), 2))
    intervals = two_way_bootstrap(votes, pairs, resamples, seed)
    found = [
        replace(
            paired_difference(by_image[a], by_image[b]),
            first=methods[a],
            second=methods[b],
            crossed_low=crossed.low,
            crossed_high=crossed.high,
            p_crossed=crossed.p_value,
            bootstrap_low=low,
            bootstrap_high=high,
        )
        for (a, b), (low, high) in zip(pairs, intervals, strict=True)
        for crossed in [crossed_interval(votes[a], votes[b])]
    ]
    corrected = holm([difference.p_crossed for difference in found])
    differences = tuple(replace(one, p_holm=p) for one, p in zip(found, corrected, strict=True))
    statistic, p_friedman = _friedman(by_image)
    return MethodComparison(
        scores=tuple(
            _score(name, means, int(np.isfinite(own).sum()), differences)
            for name, means, own in zip(methods, by_image, votes, strict=True)
        ),
        differences=differences,
        friedman=statistic,
        p_friedman=p_friedman,
    )


def paired_difference(
    first: Sequence[float] | Numbers1D, second: Sequence[float] | Numbers1D
) -> MethodDifference:
    """Mean difference of two series of the same images, with the t interval and the tests of t and Wilcoxon.

    Args:
        first: One number per image; NaN: none.
        second: Numbers in the same order.

    Raises:
        UsageError: the numbers of images differ.
        MissingDependency: SciPy is not installed.

    Examples:
        >>> ebb_train.study.paired_difference([0.1, 0.4, 0.2, 0.5], [1.0, 1.2, 1.3, 1.1]).num_images
        4
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape or one.ndim != 1:
        raise UsageError(f"{one.size} images cannot be paired with {other.size}")
    # rounded, so that equal differences of means are equal numbers
    values = np.round((one - other)[np.isfinite(one) & np.isfinite(other)], 12)
    mean, half_width, sd = mean_interval(values)
    test = scipy_module("stats")
    varies = len(values) > 1 and sd > 0
    t = float(test.ttest_1samp(values, 0).statistic) if varies else np.nan
    return MethodDifference(
        difference=mean,
        low=mean - half_width,
        high=mean + half_width,
        t=t,
        p_value=float(test.ttest_1samp(values, 0).pvalue) if varies else 1.0,
        p_wilcoxon=float(test.wilcoxon(values).pvalue) if varies else 1.0,
        sd=sd,
        num_images=len(values),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm's step-down method."""
    if not p_values:
        return []
    corrected = statsmodels_module("stats.multitest").multipletests(list(p_values), method="holm")[1]
    return [float(p) for p in corrected]


def mean_interval(values: Numbers1D) -> tuple[float, float, float]:
    """Mean, half-width of the t interval, and standard deviation; NaN where there are too few values.

    Without variation there is nothing to estimate an error from, and the half-width is NaN.
    """
    if not len(values):
        return np.nan, np.nan, np.nan
    if len(values) < 2 or np.ptp(values) < 1e-12:
        return float(values.mean()), np.nan, 0.0 if len(values) > 1 else np.nan
    sd = float(values.std(ddof=1))
    quantile = float(scipy_module("stats").t.ppf(0.5 + LEVEL / 2, len(values) - 1))
    return float(values.mean()), quantile * sd / math.sqrt(len(values)), sd


def two_way_bootstrap(
    votes: VoteCube, pairs: Sequence[tuple[int, int]], resamples: int, seed: int = SEED
) -> list[tuple[float, float]]:
    """Percentile intervals of differences of methods when images and raters are drawn with replacement.

    Args:
        votes: (M, N, R) votes; NaN: no vote.
        pairs: Numbers of the methods of each difference, first − second.
        resamples: Number of draws; 0: none.
        seed: Seed of the draws.

    Returns:
        Lower and upper end for each pair; NaN without draws or common images.

    Raises:
        UsageError: ``resamples`` is negative.
    """
    if resamples < 0:
        raise UsageError(f"resamples must be at least 0, not {resamples}")
    num_methods, num_images, num_raters = votes.shape
    if not (resamples and num_images > 1 and num_raters > 1):
        return [(np.nan, np.nan)] * len(pairs)
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK // max(1, num_methods * num_images))
    parts = [
        _differences(votes, pairs, _drawn(rng, num_images, count), _drawn(rng, num_raters, count))
        for start in range(0, resamples, step)
        for count in [min(step, resamples - start)]
    ]
    tail = (1 - LEVEL) / 2
    return [_quantiles(values[np.isfinite(values)], tail) for values in np.concatenate(parts, axis=1)]


def _drawn(rng: np.random.Generator, number: int, draws: int) -> NDArray[np.float64]:
    """(number, draws): how often each item is drawn in a sample of the same size."""
    return rng.multinomial(number, np.full(number, 1 / number), size=draws).T.astype(np.float64)


def _differences(
    votes: VoteCube,
    pairs: Sequence[tuple[int, int]],
    images: NDArray[np.float64],
    raters: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(pairs, draws) differences for given numbers of occurrences of images and raters."""
    present = np.isfinite(votes)
    count = present.astype(np.float64) @ raters
    means = np.where(count > 0, np.where(present, votes, 0.0) @ raters / np.maximum(count, 1), np.nan)
    found = np.empty((len(pairs), images.shape[1]))
    for row, (first, second) in enumerate(pairs):
        difference = means[first] - means[second]
        weights = np.where(np.isfinite(difference), images, 0.0)
        total = weights.sum(axis=0)
        value = (weights * np.nan_to_num(difference)).sum(axis=0)
        found[row] = np.where(total > 0, value / np.maximum(total, 1), np.nan)
    return found


def _quantiles(values: Numbers1D, tail: float) -> tuple[float, float]:
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, (tail, 1 - tail))
    return float(low), float(high)


def _friedman(by_image: NDArray[np.float64]) -> tuple[float, float]:
    whole = by_image[:, np.isfinite(by_image).all(axis=0)]
    if whole.shape[0] < 3 or whole.shape[1] < 2 or np.ptp(whole, axis=0).max() == 0:
        return np.nan, np.nan
    found = scipy_module("stats").friedmanchisquare(*whole)
    return float(found.statistic), float(found.pvalue)


def _score(
    name: str, means: Numbers1D, num_votes: int, differences: Sequence[MethodDifference]
) -> MethodScore:
    values = means[np.isfinite(means)]
    mean, half_width, _ = mean_interval(values)
    better = sum(
        one.is_significant and (one.difference if one.first == name else -one.difference) > 0
        for one in differences
        if name in (one.first, one.second)
    )
    return MethodScore(
        name=name,
        mos=mean,
        low=mean - half_width,
        high=mean + half_width,
        num_images=len(values),
        num_votes=num_votes,
        rank=1 + better,
    )


def _reversed(found: MethodDifference) -> MethodDifference:
    return replace(
        found,
        first=found.second,
        second=found.first,
        difference=-found.difference,
        low=-found.high,
        high=-found.low,
        t=-found.t,
        crossed_low=-found.crossed_high,
        crossed_high=-found.crossed_low,
        bootstrap_low=-found.bootstrap_high,
        bootstrap_high=-found.bootstrap_low,
    )
