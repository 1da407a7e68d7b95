"""Ticks at round numbers for the axes of charts."""

from __future__ import annotations

import math
from typing import NamedTuple

CHARACTER_WIDTH = 7.0
"""Upper estimate of the width of a character of a mark, in the units of the charts."""

LEAST_SPAN = 1e-3
"""Least span of an axis, as a share of its largest value; finer ticks would differ in the last digits
only."""


class Mark(NamedTuple):
    """A line across a chart and its text."""

    at: float
    text: str

    def anchor(self, width: float) -> str:
        """End of the text that is at the line, so that it does not extend beyond a chart of this width."""
        half = 0.5 * CHARACTER_WIDTH * len(self.text)
        return "start" if self.at < half else "end" if self.at > width - half else "middle"


def linear_ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers, from at most ``low`` to at least ``high``."""
    raw = (max(high - low, LEAST_SPAN * max(abs(low), abs(high))) or 1.0) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, max(last, first + 1) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten, from at most ``low`` to at least ``high``."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    ticks = [float(f"{factor}e{power}") for power in powers for factor in (1, 2, 5)]
    first = max(index for index, tick in enumerate(ticks) if tick <= low)
    last = min(index for index, tick in enumerate(ticks) if tick >= high)
    return ticks[first : max(last, first + 1) + 1]
