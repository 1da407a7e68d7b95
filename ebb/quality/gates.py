"""The gates of the table of measurements: which of them reject a pair, and with which words."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ebb.errors import Rejected
from ebb.measurements import GATED

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
