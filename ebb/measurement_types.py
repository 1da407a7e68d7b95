"""What a row of the table of measurements is made of: units, limits, and the gates that reject a pair."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ebb.errors import Reason

REFERENCE_HEIGHT = 1024
"""Photo height at which lengths are given in pixels."""


class Unit(StrEnum):
    """What the numbers count."""

    COUNT = ""
    PIXELS = "px"
    """Pixels at :data:`REFERENCE_HEIGHT`."""
    NATIVE_PIXELS = "px of the photo"
    """Pixels of the photo as it was shot, at :data:`REFERENCE_HEIGHT` at most."""
    SHARE = "share"
    """0 … 1."""
    CORRELATION = "correlation"
    """−1 … 1."""
    RATIO = "ratio"
    DEGREES = "degrees"
    STOPS = "stops"


class Bound(StrEnum):
    """Which values keep a limit."""

    AT_LEAST = "at least"
    AT_MOST = "at most"
    WITHIN = "within"
    """−limit … limit."""
    NEAR_ONE = "near one"
    """1 − limit … 1 + limit."""


@dataclass(frozen=True)
class Limit:
    """A setting and the values that keep it."""

    setting: str
    value: float
    bound: Bound

    @property
    def ends(self) -> tuple[float, float]:
        """Smallest and largest value that passes."""
        return {
            Bound.AT_LEAST: (self.value, math.inf),
            Bound.AT_MOST: (-math.inf, self.value),
            Bound.WITHIN: (-self.value, self.value),
            Bound.NEAR_ONE: (1 - self.value, 1 + self.value),
        }[self.bound]

    def passes(self, measured: float) -> bool:
        """Whether a value keeps it; NaN does not."""
        low, high = self.ends
        return low <= measured <= high

    def room(self, measured: float) -> float:
        """How far a value is from the limit: 0 at the limit, 1 as far as can be, negative beyond it.

        Shares that must be large are compared by their odds, as 0.99 is far from 0.9 and 0.1 near 0.01.
        """
        if self.bound is Bound.AT_LEAST:
            return self._room_above(measured)
        away = {Bound.WITHIN: abs(measured), Bound.NEAR_ONE: abs(measured - 1)}.get(self.bound, measured)
        return 1 - away / self.value if self.value else -away

    def _room_above(self, measured: float) -> float:
        if self.value >= 1:
            return 1 - self.value / measured if measured > 0 else -math.inf
        odds, least = (_odds(share) for share in (measured, self.value))
        return 1 - least / odds if odds > 0 else -math.inf

    def __str__(self) -> str:
        low, high = self.ends
        return f"{self.bound} {self.value:g}" if math.inf in (-low, high) else f"{low:g} to {high:g}"


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else math.inf


@dataclass(frozen=True)
class Gate:
    """How a measurement rejects a pair."""

    setting: str
    """The setting that holds the limit, a field of :class:`ebb.measurements.Limits`."""
    bound: Bound
    reason: Reason
    message: str
    """Format string; knows ``value``, its ``magnitude``, ``limit``, the ends ``low`` and ``high`` of what
    passes, and every measurement by its name."""
    message_if_negative: str = ""
    """The same for a value below 0, if it is another."""
    minus: str = ""
    """Another measurement, which is subtracted from the value first."""
    unknown_passes: bool = False
    """Whether a value that could not be measured passes: only where another gate rejects such a pair."""

    def limit(self, limits: object) -> Limit:
        """Its limit, out of all limits."""
        return Limit(self.setting, float(getattr(limits, self.setting)), self.bound)

    def passes(self, value: float, limits: object) -> bool:
        """Whether a value keeps the limit."""
        return self.limit(limits).passes(value) or (self.unknown_passes and math.isnan(value))

    def explain(self, value: float, limits: object, measured: Mapping[str, float]) -> str:
        """What to say of a value that does not pass."""
        template = self.message_if_negative if value < 0 and self.message_if_negative else self.message
        limit = self.limit(limits)
        low, high = limit.ends
        return template.format(
            value=value, magnitude=abs(value), limit=limit.value, low=low, high=high, **measured
        )


@dataclass(frozen=True)
class Measurement:
    """One row of the table."""

    meaning: str
    unit: Unit
    title: str = ""
    """Its name in the report, which draws its distribution; "": not drawn."""
    listed: bool = False
    """Whether the report lists it for every pair."""
    stored: bool = False
    """Whether the shards have a column of its name."""
    gate: Gate | None = None
    seen_as: Callable[[float], float] | None = None
    """What gate and report make of the value first, such as stops of a ratio; ``unit`` is the result's."""
    apart: str = ""
    """What is apart, if it is a distance between the photos that registration sets right."""
    name: str = ""
    """Name of the field, the key in the state and the column."""
    kind: type[float] = float
    """``int`` for counts."""

    @property
    def label(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def seen(self, measured: Mapping[str, float]) -> float:
        """The value that the gate and the report look at; NaN where it is not known."""
        value = measured.get(self.name, math.nan)
        if self.gate is not None and self.gate.minus:
            value -= measured.get(self.gate.minus, math.nan)
        return self.seen_as(value) if self.seen_as else value

    def limit(self, limits: object) -> Limit | None:
        """The limit that its gate holds it against; ``None`` if it has no gate."""
        return self.gate.limit(limits) if self.gate else None
