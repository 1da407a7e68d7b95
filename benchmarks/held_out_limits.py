"""Generalisation of limits chosen on some judged pairs to others, and sensitivity to each limit.

The limits of profile ``clean`` were chosen by people who had seen all real pairs. Here limits are chosen by a
rule on two thirds of the pairs and applied to the remaining third, over many partitions.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.measurements import GATED, PROFILES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ebb.measurement_types import Measurement
    from ebb.measurements import Limits, Measurements

GRID: Mapping[str, tuple[float, ...]] = {
    "min_focus_share": (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
    "max_focus_mismatch": (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9),
    "max_changed_in_focus": (0.001, 0.003, 0.01, 0.03, 0.1),
    "max_residual_px": (0.1, 0.2, 0.3, 0.5, 0.7, 1.0),
    "max_residual_p95_px": (0.5, 0.7, 1.0, 1.5, 2.0, 4.0),
    "min_blur_px": (0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 16.0),
    "max_unexplained": (0.1, 0.2, 0.3, 0.4, 0.6, 0.8),
    "max_exposure_ev": (0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0),
    "max_clipped": (0.02, 0.05, 0.1, 0.2, 0.3, 0.6),
}
"""Values from which the rule chooses, for the limits that depend on real pairs; the other limits, on hand
motion,
are those of ``clean``."""

FOLDS, PARTITIONS, ROUNDS = 3, 200, 4
FACTORS = (0.67, 0.8, 1.25, 1.5)


class Table:
    """Pairs that pass each value of each limit.

    Args:
        measured: Measurements of every pair; ``None`` if it was rejected before it was measured.
    """

    def __init__(self, measured: Sequence[Measurements | None]) -> None:
        values = [asdict(one) if one else None for one in measured]
        clean = PROFILES["clean"]
        self.fixed = _passing(
            [row for row in GATED if row.gate and row.gate.setting not in GRID], clean, values
        )
        self.passes = {
            name: [
                _passing(
                    [row for row in GATED if row.gate and row.gate.setting == name],
                    replace(clean, **{name: value}),
                    values,
                )
                for value in grid
            ]
            for name, grid in GRID.items()
        }

    def accepted(self, chosen: Mapping[str, int]) -> NDArray[np.bool_]:
        """(N,), pairs that pass the fixed limits and the chosen ones, given by their index in the grid."""
        passed = self.fixed.copy()
        for name, index in chosen.items():
            passed &= self.passes[name][index]
        return passed

    def choose(self, wanted: NDArray[np.bool_], seen: NDArray[np.bool_]) -> dict[str, int]:
        """Limits by coordinate ascent from the loosest: the most wanted pairs, the fewest unwanted ones.

        Of equally good values, the middle one is chosen.

        Args:
            wanted: (N,), pairs to accept.
            seen: (N,), pairs on which the choice is based.
        """
        chosen = {name: 0 if name.startswith("min") else len(grid) - 1 for name, grid in GRID.items()}
        for _ in range(ROUNDS):
            before = dict(chosen)
            for name, grid in GRID.items():
                scores = [
                    _score(self.accepted({**chosen, name: index}), wanted, seen) for index in range(len(grid))
                ]
                best = [index for index, score in enumerate(scores) if score >= max(scores) - 1e-9]
                chosen[name] = best[len(best) // 2]
            if chosen == before:
                break
        return chosen


def held_out(measured: Sequence[Measurements | None], wanted: Sequence[bool]) -> dict[str, Any]:
    """Accepted shares of held-out pairs: mean and 5 to 95 % range over the partitions."""
    table, wants, rng = Table(measured), np.asarray(wanted), np.random.default_rng(0)
    shares = []
    for _ in range(PARTITIONS):
        fold = rng.permutation(len(wants)) % FOLDS
        accepted = np.zeros(len(wants), bool)
        for number in range(FOLDS):
            chosen = table.choose(wants, fold != number)
            accepted[fold == number] = table.accepted(chosen)[fold == number]
        shares.append((accepted[wants].mean(), accepted[~wants].mean()))
    names = ("use", "refuse")
    return {
        name: {
            "mean": round(float(np.mean(values)), 3),
            "5_to_95_percent": [round(float(value), 3) for value in np.percentile(values, [5, 95])],
        }
        for name, values in zip(names, np.transpose(shares), strict=True)
    }


def sensitivity(measured: Sequence[Measurements | None], wanted: Sequence[bool]) -> dict[str, Any]:
    """Accepted ``use`` and ``refuse`` pairs with one limit of ``clean`` scaled, if that changes them."""
    clean, wants = PROFILES["clean"], np.asarray(wanted)
    values = [asdict(one) if one else None for one in measured]

    def counts(limits: Limits) -> list[int]:
        accepted = _passing(GATED, limits, values)
        return [int((accepted & wants).sum()), int((accepted & ~wants).sum())]

    usual = counts(clean)
    changed: dict[str, Any] = {"clean": usual}
    for name in GRID:
        for factor in FACTORS:
            found = counts(replace(clean, **{name: getattr(clean, name) * factor}))
            if found != usual:
                changed.setdefault(name, {})[f"x {factor:g}"] = found
    return changed


def _score(accepted: NDArray[np.bool_], wanted: NDArray[np.bool_], seen: NDArray[np.bool_]) -> float:
    return float(accepted[seen & wanted].mean() - accepted[seen & ~wanted].mean())


def _passing(
    rows: Sequence[Measurement], limits: Limits, values: Sequence[Mapping[str, float] | None]
) -> NDArray[np.bool_]:
    """(N,), pairs that pass the gates of some measurements."""
    gates = [(row, row.gate) for row in rows if row.gate]
    return np.array(
        [one is not None and all(gate.passes(row.seen(one), limits) for row, gate in gates) for one in values]
    )
