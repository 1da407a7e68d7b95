"""The exponential moving average (EMA) of the weights, which varies less than the weights themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253 - only imported by training
from torch.optim.swa_utils import AveragedModel  # noqa: TID253

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

WARM_UP = 10
"""The average begins as one over few steps: after n of them the decay is at most (1 + n) / (10 + n)."""


def moving_average(network: nn.Module, decay: float) -> AveragedModel:
    """An average that starts at the weights of a network: a ← d · a + (1 − d) · w with every update.

    Args:
        network: Whose weights; the average is a copy of it.
        decay: d, in (0, 1): about the last 1 / (1 − d) steps count.
    """

    def average(averaged: Sequence[Tensor], current: Sequence[Tensor], num_averaged: Tensor | int) -> None:
        steps = int(num_averaged) - 1  # the first update copies the weights at the start
        share = 1 - min(decay, (1 + steps) / (WARM_UP + steps))
        torch._foreach_lerp_(list(averaged), list(current), share)

    made = AveragedModel(network, multi_avg_fn=average)
    made.update_parameters(network)
    return made
