"""Checks of the values of settings; their errors name the flag."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

from ebb.errors import UsageError
from ebb.measurement_types import Bound, Unit

if TYPE_CHECKING:
    from ebb.measurement_types import Gate


MAX_MEGAPIXELS = 1e6
_MOST = {"wide_f": 1e6, "max_megapixels": MAX_MEGAPIXELS, "item_timeout": 1e7}
"""Largest values of settings; beyond them, counts of bytes and clocks overflow."""


def positive(settings: object, *names: str) -> None:
    """Check that settings are numbers above 0.

    Raises:
        UsageError: one is not.
    """
    for name in names:
        if not (value := _number(settings, name)) > 0:
            raise UsageError(f"{flag(name)} {value:g} is not positive")


def not_negative(settings: object, *names: str) -> None:
    """Check that settings are at least 0.

    Raises:
        UsageError: one is not.
    """
    for name in names:
        if not (value := _number(settings, name)) >= 0:
            raise UsageError(f"{flag(name)} {value:g} is negative")


def countable(settings: object, *names: str) -> None:
    """Check that settings are not too large for the counts and clocks behind them.

    Raises:
        UsageError: one is.
    """
    for name in names:
        if not (value := _number(settings, name)) <= _MOST[name]:
            raise UsageError(f"{flag(name)} {value:g} is more than {_MOST[name]:g}")


def share(settings: object, *names: str) -> None:
    """Check that settings are between 0 and 1.

    Raises:
        UsageError: one is not.
    """
    for name in names:
        if not 0 <= (value := _number(settings, name)) <= 1:
            raise UsageError(f"{flag(name)} {value:g} is not between 0 and 1")


def limit(settings: object, gate: Gate, unit: Unit) -> None:
    """Check the limit of a gate; as the smallest accepted value, 0 accepts everything.

    Raises:
        UsageError: it is out of range.
    """
    if unit in (Unit.SHARE, Unit.CORRELATION, Unit.RATIO):
        share(settings, gate.setting)
    elif gate.bound is not Bound.AT_LEAST:
        positive(settings, gate.setting)
    else:
        not_negative(settings, gate.setting)


def _number(settings: object, name: str) -> float:
    """The value of a setting.

    Raises:
        UsageError: it is not a number.
    """
    value = getattr(settings, name)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UsageError(f"{flag(name)} {value!r} is not a number")
    return float(value)


def flag(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")
