"""Layout of the plots of a study: means with intervals, and counts as bars."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ebb.pages.ticks import Mark, linear_ticks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WIDTH = 720
"""Width of the plotting area, in the units of the drawing."""

ROW_HEIGHT = 52
"""Height of a row of a plot of intervals: a name above its interval."""

LONGEST_NAME = 36
"""Characters of a name beside an interval; longer ones are cut."""

BARS_HEIGHT = 110
BARS_WIDTH = 320


class IntervalRow(NamedTuple):
    """A mean with its interval, and optionally another one for comparison."""

    name: str
    mean: float
    low: float
    """NaN: no interval."""
    high: float
    other: float = math.nan
    """A second mean, drawn below; NaN: none."""


class PlacedInterval(NamedTuple):
    """A row of the plot in the units of the drawing."""

    name: str
    text: str
    y: float
    mean: float
    low: float
    high: float
    """Ends of the interval; both at the mean if there is none."""
    other: float | None


@dataclass(frozen=True, kw_only=True)
class IntervalChart:
    """Means with intervals, one below the other; the origin is the top left corner."""

    title: str
    about: str
    height: float
    rows: tuple[PlacedInterval, ...]
    ticks: tuple[Mark, ...]
    zero: float | None
    """Position of 0, if it is inside and negative values are possible."""


class CountBar(NamedTuple):
    """A bar, its number and what it counts."""

    x: float
    y: float
    width: float
    height: float
    name: str
    number: int


@dataclass(frozen=True, kw_only=True)
class BarChart:
    """Counts as bars."""

    title: str
    bars: tuple[CountBar, ...]


def draw_intervals(
    title: str, rows: Sequence[IntervalRow], about: str = "", digits: int = 2
) -> IntervalChart | None:
    """Lay out means with intervals; ``None`` if there is nothing to draw.

    Args:
        title: Title of the plot.
        rows: The means; those that are not finite are left out.
        about: What the intervals are, beside the title.
        digits: Number of decimals of the numbers beside the names.
    """
    kept = [row for row in rows if math.isfinite(row.mean)]
    if not kept:
        return None
    ends = [value for row in kept for value in row[1:] if math.isfinite(value)]
    ticks = linear_ticks(min(ends), max(ends))
    left, right = ticks[0], ticks[-1]

    def x(value: float) -> float:
        return round(WIDTH * (value - left) / (right - left), 2)

    return IntervalChart(
        title=title,
        about=about,
        height=ROW_HEIGHT * len(kept),
        rows=tuple(_placed(row, ROW_HEIGHT * index, x, digits) for index, row in enumerate(kept)),
        ticks=tuple(Mark(x(tick), f"{tick:g}") for tick in ticks),
        zero=x(0.0) if left < 0 < right else None,
    )


def draw_bars(title: str, counts: Mapping[str, int]) -> BarChart | None:
    """Lay out bars; ``None`` if there is nothing to draw.

    Args:
        title: Title of the plot.
        counts: What is counted → how often it occurs.
    """
    most = max(counts.values(), default=0)
    if not most:
        return None
    width = BARS_WIDTH / len(counts)
    gap = min(6.0, 0.2 * width)
    return BarChart(
        title=title,
        bars=tuple(
            CountBar(
                x=round(index * width + gap / 2, 2),
                y=round(BARS_HEIGHT * (1 - count / most), 2),
                width=round(width - gap, 2),
                height=round(BARS_HEIGHT * count / most, 2),
                name=name,
                number=count,
            )
            for index, (name, count) in enumerate(counts.items())
        ),
    )


def _placed(row: IntervalRow, top: float, x: Callable[[float], float], digits: int) -> PlacedInterval:
    has_interval = math.isfinite(row.low) and math.isfinite(row.high)
    interval = f" ({row.low:.{digits}f} … {row.high:.{digits}f})" if has_interval else ""
    return PlacedInterval(
        name=row.name if len(row.name) <= LONGEST_NAME else f"{row.name[: LONGEST_NAME - 1]}…",
        text=f"{row.mean:.{digits}f}{interval}",
        y=top + ROW_HEIGHT - 16,
        mean=x(row.mean),
        low=x(row.low if has_interval else row.mean),
        high=x(row.high if has_interval else row.mean),
        other=x(row.other) if math.isfinite(row.other) else None,
    )
