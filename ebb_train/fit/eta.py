"""How long a run will still take: in this level, and in all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ebb_train.models.pynet import used_layers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb_train.models.pynet import PyNetConfig
    from ebb_train.settings import LevelPlan, Schedule

LAYER_OVERHEAD, SAMPLE_OVERHEAD = 2e6, 25e6
"""Starting a layer and reading a sample take as long as so many multiply-adds; measured on 2 CPU cores."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What a run has to do, level by level from 7 on."""

    steps: Mapping[int, int]
    """Level → all its steps."""
    costs: Mapping[int, float]
    """Level → what one step costs, in any unit."""

    def left_s(self, level: int, step: int, seconds_a_step: float) -> float:
        """Seconds that remain of all levels.

        Args:
            level: The one in training.
            step: How many of its steps are done.
            seconds_a_step: Of this level. Later levels take longer as they cost more.
        """
        here = (self.steps[level] - step) * self.costs[level]
        later = sum(self.steps[other] * self.costs[other] for other in self.steps if other < level)
        return (here + later) / self.costs[level] * seconds_a_step


def find_workload(config: PyNetConfig, schedule: Schedule) -> Workload:
    """What a schedule costs with a network; all its crops must be given."""
    return Workload(
        steps={row.level: row.iterations for row in schedule.rows},
        costs={row.level: _step_cost(config, row) for row in schedule.rows},
    )


def duration_text(seconds: float) -> str:
    """About how long: 40 s, 12 min, 3 h 20 min, 2 d 4 h."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def _step_cost(config: PyNetConfig, row: LevelPlan) -> float:
    layers = used_layers(replace(config, level=row.level), row.crop // 2, row.crop // 2)
    a_sample = SAMPLE_OVERHEAD + sum(layer.multiply_adds for layer in layers)
    return row.batch * a_sample + LAYER_OVERHEAD * len(layers)
