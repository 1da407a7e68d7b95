"""The estimated time that is left of a run.

The cost of a step of each stage is known in advance: its multiply-adds, and other operations expressed as
multiply-adds (``benchmarks/eta.py``). The time of past steps converts costs to seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ebb_train.models.pynet import output_size, used_layers
from ebb_train.models.vgg import VGG19_BLOCKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ebb_train.models.blocks import Layer
    from ebb_train.models.pynet import PyNetConfig
    from ebb_train.settings import LevelPlan, LossWeights, Plan, Schedule

CHANNELS = 16
"""Convolutions take as long as if their maps were a multiple of this: one vector register of floats."""

A_LAYER, A_PARAMETER, A_VALUE, A_VALUE_IN_SSIM = 12e6, 200.0, 560.0, 1400.0
"""Multiply-adds that take as long as the start of a layer, the update of a parameter, and writing, activating
and normalising one value of a map, or comparing one of the picture by SSIM."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Steps of a run and their costs, in the order of its stages."""

    steps: Mapping[str, int]
    """Key of a stage → all its steps."""
    costs: Mapping[str, float]
    """Key of a stage → cost of one step, in any unit."""

    def left_s(self, key: str, step: int, seconds_a_step: float) -> float:
        """Seconds that remain of all stages.

        Args:
            key: Of the stage in training.
            step: How many of its steps are done.
            seconds_a_step: Of this stage. Others take longer as they cost more.
        """
        here = (self.steps[key] - step) * self.costs[key]
        after = list(self.steps)[list(self.steps).index(key) + 1 :]
        later = sum(self.steps[other] * self.costs[other] for other in after)
        return (here + later) / self.costs[key] * seconds_a_step


def find_workload(schedule: Schedule, step_cost: Callable[[Plan], float]) -> Workload:
    """Steps and costs of a schedule, all of whose crops are given."""
    return Workload(
        steps={row.key: row.iterations for row in schedule.rows},
        costs={row.key: step_cost(row) for row in schedule.rows},
    )


def duration_text(seconds: float) -> str:
    """A rounded duration: 40 s, 12 min, 3 h 20 min, 2 d 4 h."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def level_cost(config: PyNetConfig, row: LevelPlan) -> float:
    """Cost of a step of a level of PyNET, as multiply-adds."""
    side = row.crop // 2
    layers = used_layers(replace(config, level=row.level), side, side)
    parameters = sum(math.prod(shape) for layer in layers for shape in layer.tensors.values())
    a_sample = sum(_layer_cost(layer) for layer in layers)
    a_sample += _loss_cost(row.loss, *output_size(row.level, side, side))
    return row.batch * a_sample + A_LAYER * len(layers) + A_PARAMETER * parameters


def _layer_cost(layer: Layer) -> float:
    pixels = layer.height * layer.width * (4 if layer.kind == "up" else 1)
    across = _padded(layer.in_channels) * _padded(layer.out_channels)
    return layer.height * layer.width * layer.kernel**2 * across + A_VALUE * pixels * layer.out_channels


def _loss_cost(loss: LossWeights, height: int, width: int) -> float:
    """Of one picture. VGG-19 has three passes as the network has: two pictures forward, one backward."""
    cost = A_VALUE_IN_SSIM * 3 * height * width if loss.ssim else 0.0
    if loss.vgg:
        before = 3
        for number, (channels, count) in enumerate(VGG19_BLOCKS):
            values = (height >> number) * (width >> number) * channels
            cost += 9 * values * (_padded(before) + (count - 1) * channels) + A_VALUE * values * count
            before = channels
    return cost


def _padded(channels: int) -> int:
    return -(-channels // CHANNELS) * CHANNELS
