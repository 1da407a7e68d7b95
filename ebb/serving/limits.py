"""How often a visitor may ask: token buckets, one per visitor, in bounded memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_VISITORS = 100_000
"""Number of visitors that are remembered; the one seen longest ago is forgotten first."""


@dataclass(frozen=True)
class Rate:
    """A rate of requests.

    Attributes:
        burst: Requests that may come at once.
        per_second: Requests per second that may follow.
    """

    burst: float
    per_second: float


class RateLimit:
    """A limit on the requests of each visitor.

    Args:
        rate: The rate.
        clock: Seconds that only increase.
        max_visitors: Number of visitors that are remembered.
    """

    def __init__(
        self,
        rate: Rate,
        clock: Callable[[], float] = time.monotonic,
        max_visitors: int = MAX_VISITORS,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._max_visitors = max_visitors
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def seconds_to_wait(self, visitor: str) -> float:
        """Count a request: 0 if it is within the rate, else the seconds after which one is."""
        now = self._clock()
        left, last = self._buckets.pop(visitor, (self._rate.burst, now))
        left = min(self._rate.burst, left + (now - last) * self._rate.per_second)
        is_within = left >= 1
        self._buckets[visitor] = (left - 1 if is_within else left, now)
        if len(self._buckets) > self._max_visitors:
            self._buckets.popitem(last=False)
        return 0.0 if is_within else (1 - left) / self._rate.per_second

    def __len__(self) -> int:
        return len(self._buckets)
