"""Coordinates of the curves, ticks and stage marks of a chart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.pages.ticks import Mark, linear_ticks, log_ticks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 720, 220
"""Size of the plotting area, in the units of the drawing."""

MAX_POINTS = 400
"""Largest number of points of a line; neighbouring points are averaged if there are more."""


class Point(NamedTuple):
    """A value of a run."""

    stage: str
    """Its key."""
    total: int
    """Number of steps over all stages."""
    value: float


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Elements of a chart; the origin is the top left corner."""

    title: str
    lines: tuple[str, ...]
    """Points of a polyline for each stage."""
    x_ticks: tuple[Mark, ...]
    y_ticks: tuple[Mark, ...]
    stages: tuple[Mark, ...]
    """Start of each stage."""
    last: str
    """The last value, as text."""


def draw_chart(
    title: str, points: Sequence[Point], steps: Mapping[str, int], *, log_scale: bool = False
) -> Chart | None:
    """Lay out a chart; ``None`` if there is nothing to draw.

    Args:
        title: Title of the chart.
        points: Points in the order of the run; values that are not finite are ignored.
        steps: Key of a stage → number of steps, in the order of the run; the x axis ends at their sum.
        log_scale: Use a logarithmic y axis; values that are not above 0 are ignored.
    """
    kept = [point for point in points if math.isfinite(point.value) and (point.value > 0 or not log_scale)]
    if not kept:
        return None
    stages = [(key, thin(list(group))) for key, group in groupby(kept, key=lambda point: point.stage)]
    values = [point.value for _, group in stages for point in group]
    ticks = log_ticks(min(values), max(values)) if log_scale else linear_ticks(min(values), max(values))
    starts = dict(zip(steps, accumulate(steps.values(), initial=0), strict=False))
    total = sum(steps.values())
    low, high = (math.log10(end) if log_scale else end for end in (ticks[0], ticks[-1]))

    def x(done: float) -> float:
        return round(WIDTH * done / total, 2)

    def y(value: float) -> float:
        scaled = math.log10(value) if log_scale else value
        return round(HEIGHT * (1 - (scaled - low) / (high - low)), 2)

    return Chart(
        title=title,
        lines=tuple(" ".join(f"{x(p.total)},{y(p.value)}" for p in group) for _, group in stages),
        x_ticks=tuple(Mark(x(tick), f"{tick:,.0f}") for tick in linear_ticks(0, total) if tick <= total),
        y_ticks=tuple(Mark(y(tick), f"{tick:g}") for tick in ticks),
        stages=tuple(Mark(x(start), key.split("-")[1]) for key, start in starts.items()),
        last=f"{kept[-1].value:.4g}",
    )


def thin(points: Sequence[Point], most: int = MAX_POINTS) -> list[Point]:
    """Average neighbours so that there are at most ``most`` points."""
    group = -(-len(points) // most)
    parts = [points[start : start + group] for start in range(0, len(points), group)]
    return [Point(part[0].stage, part[-1].total, float(np.mean([p.value for p in part]))) for part in parts]
