"""Round numbers for the axes of charts."""

from __future__ import annotations

import math
from typing import NamedTuple


class Mark(NamedTuple):
    """A line across a chart and its text."""

    at: float
    text: str


def linear_ticks(low: float, high: float) -> list[float]:
    """Round numbers, four to eight of them, from at most ``low`` to at least ``high``."""
    raw = max(high - low, 1e-6 * max(abs(low), abs(high)), 1e-12) / 5
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
