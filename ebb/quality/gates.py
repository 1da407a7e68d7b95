"""The gates of the table of measurements: which of them reject a pair, and with which words."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from ebb.errors import Rejected
from ebb.measurements import GATED, PROFILES, TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ebb.measurement_types import Measurement
    from ebb.measurements import Limits, Measurements


def check_alignment(measurements: Measurements, limits: Limits) -> None:
    """Let a pair pass, or reject it by the first gate that it fails.

    Raises:
        Rejected: for the reason of the gate, with the value, the limit and all measurements.
    """
    for rejection in rejections(measurements, limits):
        raise rejection


def rejections(measurements: Measurements, limits: Limits) -> list[Rejected]:
    """What every gate that rejects the pair would raise, the one that decides first."""
    return [
        Rejected(rejected.reason, rejected.message, measurements=measurements.as_dict())
        for rejected in _failures(GATED, asdict(measurements), limits)
    ]


def failing(measured: Mapping[str, float], limits: Limits) -> dict[str, Rejected]:
    """What the gates say that reject a pair, by the name of the measurement, the one that decides first.

    Args:
        measured: Name of a measurement → value; what is missing could not be measured.
        limits: What it has to keep to.
    """
    known = {row.name: measured.get(row.name, math.nan) for row in TABLE}
    rows = ((row.name, next(_failures((row,), known, limits), None)) for row in GATED)
    return {name: rejected for name, rejected in rows if rejected is not None}


def quality_rank(measurements: Measurements, limits: Limits = PROFILES["clean"]) -> float:
    """Rank of a pair, 0 … 1: 0.5 at the limits, 1 as far from all of them as can be.

    It is that of the measurement that is nearest to its limit, or farthest beyond: 1 / (2 − room), where room
    is 1 at the best value, 0 at the limit, and negative beyond (:meth:`ebb.measurement_types.Limit.room`). A
    data set cut at 0.5 holds what ``clean`` accepts.

    Args:
        measurements: Of the pair.
        limits: Those of profile ``clean``, or :attr:`ebb.settings.AlignSettings.ranking`.

    Returns:
        0 when a measurement that has to be known is not.
    """
    measured = asdict(measurements)
    return min(_rank(row, row.seen(measured), limits) for row in GATED)


def _rank(row: Measurement, value: float, limits: Limits) -> float:
    limit = row.limit(limits)
    if limit is None or (math.isnan(value) and row.gate is not None and row.gate.unknown_passes):
        return 1.0
    if math.isnan(value):
        return 0.0
    return 1 / (2 - min(limit.room(value), 1.0))


def check_measured(measured: Mapping[str, float], limits: Limits) -> None:
    """Hold what has been measured so far against its limits, before the rest is measured.

    Args:
        measured: Name of a measurement → value.
        limits: What it has to keep to.

    Raises:
        Rejected: by the first gate that it fails.
    """
    for rejection in _failures((row for row in GATED if row.name in measured), measured, limits):
        raise rejection


def _failures(
    rows: Iterable[Measurement], measured: Mapping[str, float], limits: Limits
) -> Iterator[Rejected]:
    for row in rows:
        value = row.seen(measured)
        if row.gate is not None and not row.gate.passes(value, limits):
            yield Rejected(row.gate.reason, row.gate.explain(value, limits, measured), measurements=measured)
