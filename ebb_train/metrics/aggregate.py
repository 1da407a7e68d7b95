"""Aggregation of scores over images: means, bootstrap intervals, paired differences.

Each image counts once. PSNR of a picture that equals its target is infinite; it is left out of means and
counted in ``equal``, as any finite substitute would shift the mean arbitrarily. An image without a score
(NaN) is left out and counted in ``missing``.

Efron and Tibshirani, "An introduction to the bootstrap" (1993), chapter 13: the percentile interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

Numbers: TypeAlias = NDArray[np.float64]
"""(N,), one an image; NaN: no score."""

RESAMPLES = 10_000
SEED = 2020
LEVEL = 0.95

_BLOCK = 4_000_000
"""Values drawn at a time: 32 MB."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over images with its confidence interval."""

    mean: float
    """NaN where no image has a number."""
    low: float
    """Lower end of the interval; NaN for fewer than two images."""
    high: float
    images: int
    """Number of images in the mean."""
    equal: int = 0
    """Pictures left out because they equal their target (PSNR infinite)."""
    missing: int = 0
    """Images left out for want of a score."""

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
        values: One number an image; infinite ones are equal pictures, NaN ones missing.
        seed: Of the draws: the same numbers in the same order give the same interval.
        resamples: How many draws.

    Raises:
        UsageError: no resamples.
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
    """Mean over images of the difference to a base on the same images, with its interval.

    The interval is much narrower than those of the two means, as images differ more than methods. An image
    without one of the two scores is left out; so is one where either equals the target, and it is counted in
    ``equal``.

    Args:
        values: One number an image.
        base: Those of the base, in the same order.
        seed: As in :func:`estimate`.
        resamples: As there.

    Raises:
        UsageError: not the same number of images, or no resamples.
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


def _interval(finite: Numbers, seed: int, resamples: int) -> tuple[float, float]:
    """Percentiles of the means of sets drawn with replacement."""
    if resamples < 1:
        raise UsageError(f"an interval takes resamples, not {resamples}")
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
