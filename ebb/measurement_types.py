"""Types of the table of measurements: units, limits, and the gates that reject a pair."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ebb.errors import Reason

REFERENCE_HEIGHT = 1024
"""Photo height at which lengths are given in pixels."""


class Unit(StrEnum):
    """Unit of a measurement."""

    COUNT = ""
    PIXELS = "px"
    """Pixels at :data:`REFERENCE_HEIGHT`."""
    NATIVE_PIXELS = "px of the photo"
    """Pixels of the original photo, at :data:`REFERENCE_HEIGHT` at most."""
    SHARE = "share"
    """0 … 1."""
    CORRELATION = "correlation"
    """−1 … 1."""
    RATIO = "ratio"
    DEGREES = "degrees"
    STOPS = "stops"


class Bound(StrEnum):
    """Which values pass a limit."""

    AT_LEAST = "at least"
    AT_MOST = "at most"
    WITHIN = "within"
    """−limit … limit."""
    NEAR_ONE = "near one"
    """1 − limit … 1 + limit."""


@dataclass(frozen=True)
class Limit:
    """The limit that a setting holds, and the values that pass it."""

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
        """Whether a value passes; NaN does not."""
        low, high = self.ends
        return low <= measured <= high

    def room(self, measured: float) -> float:
        """Relative distance of a value from the limit: 0 at the limit, 1 at most, negative beyond it.

        Shares that must be large are compared by their odds, so that 0.99 is far from 0.9, and 0.1 near 0.01.
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


class _Rounded(float):
    """A number that is formatted with more decimals where rounding would change what a message says.

    Args:
        value: The number.
        is_right: Whether the number as printed makes the message true.
    """

    _is_right: Callable[[float], bool]

    def __new__(cls, value: float, is_right: Callable[[float], bool]) -> Self:
        """Make a float with a condition."""
        number = super().__new__(cls, value)
        number._is_right = is_right
        return number

    def __format__(self, spec: str) -> str:
        """Format like a float, with up to six more decimals."""
        found = re.fullmatch(r"\.(\d)([f%])", spec)
        if found is None:
            return super().__format__(spec)
        for more in range(7):
            text = super().__format__(f".{int(found[1]) + more}{found[2]}")
            if self._is_right(float(text.rstrip("%")) / (100 if found[2] == "%" else 1)):
                break
        return text


@dataclass(frozen=True)
class Gate:
    """How a measurement rejects a pair."""

    setting: str
    """The setting that holds the limit, a field of :class:`ebb.measurements.Limits`."""
    bound: Bound
    reason: Reason
    message: str
    """Format string with the fields ``value``, ``magnitude`` (its absolute value), ``limit``, ``low`` and
    ``high`` (the range that passes), and every measurement by its name."""
    message_if_negative: str = ""
    """The message for values below 0, if it differs."""
    minus: str = ""
    """Another measurement, which is subtracted from the value first."""
    unknown_passes: bool = False
    """Whether a value that could not be measured passes; only if another gate rejects such a pair."""
    only_with: str = ""
    """A setting without which the gate is not used; "": it always is."""
    unless: str = ""
    """A setting with which the gate is not used."""

    def limit(self, limits: object) -> Limit:
        """The limit of this gate, taken from all limits."""
        return Limit(self.setting, float(getattr(limits, self.setting)), self.bound)

    def is_used(self, limits: object) -> bool:
        """Whether the settings use this gate; limits of a profile alone are those of unchanged photos."""
        wanted = not self.only_with or bool(getattr(limits, self.only_with, False))
        return wanted and not (self.unless and bool(getattr(limits, self.unless, False)))

    def passes(self, value: float, limits: object) -> bool:
        """Whether a value passes the limit."""
        if not self.is_used(limits) or (self.unknown_passes and math.isnan(value)):
            return True
        return self.limit(limits).passes(value)

    def explain(self, value: float, limits: object, measured: Mapping[str, float]) -> str:
        """Message for a value that does not pass."""
        template = self.message_if_negative if value < 0 and self.message_if_negative else self.message
        limit = self.limit(limits)
        low, high = limit.ends
        sign = math.copysign(1, value)
        return template.format(
            value=_Rounded(value, lambda number: not limit.passes(number)),
            magnitude=_Rounded(abs(value), lambda number: not limit.passes(sign * number)),
            limit=_Rounded(limit.value, lambda number: math.isclose(number, limit.value)),
            low=low,
            high=high,
            **measured,
        )


@dataclass(frozen=True)
class Measurement:
    """One row of the table."""

    meaning: str
    unit: Unit
    title: str = ""
    """Title in the report, which draws the distribution; "": not drawn."""
    listed: bool = False
    """Whether the report lists it for every pair."""
    stored: bool = False
    """Whether the shards have a column of this name."""
    gate: Gate | None = None
    seen_as: Callable[[float], float] | None = None
    """Conversion for gate and report, such as a ratio to stops; ``unit`` is that of the result."""
    apart: str = ""
    """What is misaligned, if this is a distance that registration can correct."""
    name: str = ""
    """Name of the field, of the key in the state and of the column."""
    kind: type[float] = float
    """``int`` for counts."""

    @property
    def label(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def seen(self, measured: Mapping[str, float]) -> float:
        """The value that the gate and the report use; NaN if it is unknown."""
        value = measured.get(self.name, math.nan)
        if self.gate is not None and self.gate.minus:
            value -= measured.get(self.gate.minus, math.nan)
        return self.seen_as(value) if self.seen_as else value

    def limit(self, limits: object) -> Limit | None:
        """The limit of its gate; ``None`` if it has no gate, or one that is not used."""
        return self.gate.limit(limits) if self.gate and self.gate.is_used(limits) else None
