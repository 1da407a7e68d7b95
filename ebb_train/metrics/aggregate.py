"""Aggregation of scores over images: means, bootstrap intervals, paired differences.

Each image counts once. The PSNR of a picture that equals its target is infinite; it is excluded from means
and counted in ``equal``, because any finite substitute would shift the mean arbitrarily. An image without a
score (NaN) is excluded and counted in ``missing``.

Efron and Tibshirani, "An introduction to the bootstrap" (1993), chapter 13: the percentile interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

Numbers: TypeAlias = NDArray[np.float64]
"""(N,), one per image; NaN: no score."""

RESAMPLES = 10_000
SEED = 2020
LEVEL = 0.95

_BLOCK = 4_000_000
"""Number of values drawn at a time: 32 MB."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over images with its confidence interval."""

    mean: float
    """NaN if no image has a score."""
    low: float
    """Lower end of the interval; NaN for fewer than two images."""
    high: float
    images: int
    """Number of images in the mean."""
    equal: int = 0
    """Number of pictures excluded because they equal their target (infinite PSNR)."""
    missing: int = 0
    """Number of images without a score."""

    def __str__(self) -> str:
        left_out = [
            f"{self.equal} equal" if self.equal else "",
            f"{self.missing} missing" if self.missing else "",
        ]
        note = ", ".join(part for part in left_out if part)
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]" + (f" ({note})" if note else "")


def estimate(values: Sequence[float] | Numbers, *, seed: int = SEED, resamples: int = RESAMPLES) -> Estimate:
    """Mean over images with its 95 % bootstrap interval.

    Args:
        values: One number per image; infinite for equal pictures, NaN if missing.
        seed: Seed of the draws: the same numbers in the same order give the same interval.
        resamples: Number of draws.

    Raises:
        UsageError: ``resamples`` is less than 1.
    """
    numbers = np.asarray(values, np.float64)
    finite = numbers[np.isfinite(numbers)]
    low, high = _interval(finite, seed, resamples)
    return Estimate(
        mean=float(finite.mean()) if finite.size else np.nan,
        low=low,
        high=high,
        images=finite.size,
        equal=int(np.isinf(numbers).sum()),
        missing=int(np.isnan(numbers).sum()),
    )


def estimate_difference(
    values: Sequence[float] | Numbers,
    base: Sequence[float] | Numbers,
    *,
    seed: int = SEED,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Mean over images of the difference from a base on the same images, with its interval.

    The interval is much narrower than those of the two means, because images differ more than methods. Images
    without one of the two scores are excluded; images for which either picture equals the target are excluded
    and counted in ``equal``.

    Args:
        values: One number per image.
        base: Numbers of the base, in the same order.
        seed: As for :func:`estimate`.
        resamples: As for :func:`estimate`.

    Raises:
        UsageError: the numbers of images differ, or ``resamples`` is less than 1.
    """
    first, second = np.asarray(values, np.float64), np.asarray(base, np.float64)
    if first.shape != second.shape:
        raise UsageError(f"{first.size} images cannot be paired with {second.size}")
    lacks, equal = np.isnan(first) | np.isnan(second), np.isinf(first) | np.isinf(second)
    difference = np.full(first.shape, np.nan)
    both = ~lacks & ~equal
    difference[both] = first[both] - second[both]
    difference[equal & ~lacks] = np.inf
    return estimate(difference, seed=seed, resamples=resamples)


def estimate_share(values: Sequence[float] | Numbers) -> Estimate:
    """Share of the images with a property, with its 95 % interval after Wilson.

    Wilson, "Probable inference, the law of succession, and statistical inference" (JASA 1927).

    Args:
        values: One number per image: 1 with the property, 0 without it, NaN if unknown.

    Examples:
        >>> print(estimate_share([1] * 10 + [0] * 190))
        0.0500 [0.0274, 0.0896]
    """
    numbers = np.asarray(values, np.float64)
    known = numbers[~np.isnan(numbers)]
    missing = int(np.isnan(numbers).sum())
    if not known.size:
        return Estimate(mean=np.nan, low=np.nan, high=np.nan, images=0, missing=missing)
    share, count = float(known.mean()), known.size
    square = NormalDist().inv_cdf((1 + LEVEL) / 2) ** 2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = (share * (1 - share) * square / count + (square / (2 * count)) ** 2) ** 0.5 / (1 + square / count)
    return Estimate(
        mean=share, low=max(middle - half, 0.0), high=min(middle + half, 1.0), images=count, missing=missing
    )


def _interval(finite: Numbers, seed: int, resamples: int) -> tuple[float, float]:
    """Percentiles of the means of sets drawn with replacement."""
    if resamples < 1:
        raise UsageError(f"resamples must be at least 1, not {resamples}")
    if finite.size < 2:
        return np.nan, np.nan
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK // finite.size)
    means = [
        finite[rng.integers(finite.size, size=(min(step, resamples - done), finite.size))].mean(axis=1)
        for done in range(0, resamples, step)
    ]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.concatenate(means), (tail, 1 - tail))
    return float(low), float(high)
