"""What the verbs say at their end, as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.console import table
from ebb_train.scoring.summary import TITLES, metric_of

if TYPE_CHECKING:
    from ebb_train.evaluate import Evaluation


def evaluation_text(found: Evaluation) -> str:
    """Means with intervals, a metric a line; then what has no number, and why."""
    lines = [
        [name.rpartition(".")[0], TITLES[metric_of(name)], str(cell), cell.interval]
        for name, cell in found.summary.items()
    ]
    parts = [table(["protocol", "metric", "mean", "95 % interval"], lines)]
    reasons = dict.fromkeys(cell.reason for cell in found.summary.values() if cell.reason)
    parts += [f"— {reason}" for reason in reasons]
    parts.append(f"{len(found.rows) - found.num_failed} of {len(found.rows)} pairs scored")
    return "\n".join(parts)
