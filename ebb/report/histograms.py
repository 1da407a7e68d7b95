"""Histograms of measurements, with separate bars for accepted and refused pairs, and the limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.pages.ticks import CHARACTER_WIDTH, Mark, linear_ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ebb.measurement_types import Limit

WIDTH, HEIGHT = 320, 110
"""Size of the plotting area, in the units of the drawing."""

BINS = 32

LEAST_SHARE = 0.05
"""Least span of an axis, as a share of the limit."""


class Bar(NamedTuple):
    """A bar; the origin is the top left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Layout of a histogram."""

    title: str
    about: str
    """Median of the accepted pairs and the limit, as text."""
    accepted: tuple[Bar, ...]
    refused: tuple[Bar, ...]
    """Bars of rejected and failed pairs, stacked on those of accepted pairs."""
    ticks: tuple[Mark, ...]
    limits: tuple[Mark, ...]
    """Positions of the limit, if there is one; two for limits of the absolute value."""


def draw_histogram(
    title: str, accepted: Sequence[float], refused: Sequence[float], limit: Limit | None = None
) -> Histogram | None:
    """Lay out a histogram; ``None`` if there is nothing to draw.

    The axis contains all accepted values, and the limit if it is near them, and spans at least a twentieth of
    the limit; other values beyond its ends are counted in the last bars.

    Args:
        title: Title of the histogram.
        accepted: Values of accepted pairs; values that are not finite are ignored.
        refused: Values of rejected and failed pairs.
        limit: Limit of the gate.
    """
    good, bad = (_finite(values) for values in (accepted, refused))
    if not len(good) + len(bad):
        return None
    low, high = _ends(good if len(good) else bad, limit)
    marks = _within(limit, low, high)
    ticks = linear_ticks(min([low, *marks]), max([high, *marks]))
    left, right = ticks[0], ticks[-1]
    edges = np.linspace(left, right, BINS + 1)
    kept, turned_away = (np.histogram(np.clip(values, left, right), edges)[0] for values in (good, bad))
    most = int((kept + turned_away).max())
    return Histogram(
        title=title,
        about=_about(good, limit),
        accepted=_bars(kept, np.zeros_like(kept), most),
        refused=_bars(turned_away, kept, most),
        ticks=_readable([Mark(_x(tick, left, right), f"{tick:g}") for tick in ticks]),
        limits=tuple(Mark(_x(mark, left, right), f"{mark:g}") for mark in marks),
    )


def _finite(values: Sequence[float]) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    return array[np.isfinite(array)]


def _ends(values: NDArray[np.float64], limit: Limit | None) -> tuple[float, float]:
    """Ends of the axis: those of the values, or further apart if their range is small for the limit."""
    low, high = float(values.min()), float(values.max())
    scale = max((abs(end) for end in limit.ends if math.isfinite(end)), default=0.0) if limit else 0.0
    return low, max(high, low + LEAST_SHARE * scale)


def _readable(ticks: list[Mark]) -> tuple[Mark, ...]:
    """Every tick, or only every second, third, … one if the texts would touch."""
    space = WIDTH / max(len(ticks) - 1, 1)
    wanted = max(len(tick.text) + 1 for tick in ticks) * CHARACTER_WIDTH
    return tuple(ticks[:: math.ceil(wanted / space)])


def _within(limit: Limit | None, low: float, high: float) -> list[float]:
    """Positions of the limit that are at most the width of the range away from the values."""
    if limit is None:
        return []
    places = [end for end in limit.ends if math.isfinite(end) and (end >= 0 or low < 0)]
    span = max(high - low, abs(high), abs(low))
    return [place for place in places if low - span <= place <= high + span]


def _about(accepted: NDArray[np.float64], limit: Limit | None) -> str:
    parts = [f"median {np.median(accepted):.3g}"] if len(accepted) else []
    return ", ".join(parts + ([f"limit: {limit}"] if limit else []))


def _bars(counts: NDArray[np.int64], below: NDArray[np.int64], most: int) -> tuple[Bar, ...]:
    width = WIDTH / BINS
    return tuple(
        Bar(
            round(index * width, 2),
            round(HEIGHT * float(1 - (count + under) / most), 2),
            round(width - 1, 2),
            round(HEIGHT * float(count / most), 2),
        )
        for index, (count, under) in enumerate(zip(counts, below, strict=True))
        if count
    )


def _x(value: float, left: float, right: float) -> float:
    return round(WIDTH * (value - left) / (right - left), 2)
