"""Adam as PyTorch and as TensorFlow compute it: they differ in where ε is added.

Kingma and Ba, "Adam: a method for stochastic optimization" (ICLR 2015). PyTorch follows algorithm 1, which
adds ε to the root of the corrected second moment. TensorFlow follows the reformulation before section 2.1 and
adds it to the root of the moment as it is: p -= lr · √(1 − β2ᵗ) / (1 − β1ᵗ) · m / (√v + ε). That is
algorithm 1 with ε / √(1 − β2ᵗ): 32 times ε in the first step, ε after some thousands.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - only imported by training

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn

    from ebb_train.settings import Plan


class TensorFlowAdam(torch.optim.Adam):
    """Adam with TensorFlow's ε.

    Args:
        parameters: What is trained.
        learning_rate: Of the authors' formula: lr.
        epsilon: Of the reformulation: ε.
        fused: As PyTorch's.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        learning_rate: float,
        epsilon: float,
        *,
        fused: bool | None = None,
    ) -> None:
        super().__init__(parameters, lr=learning_rate, eps=epsilon, fused=fused)
        for group in self.param_groups:
            group["epsilon"], group["steps"] = epsilon, 0

    def step(self, closure: Any = None) -> Any:  # noqa: ANN401 - as PyTorch's
        """Do one step; the number of steps is part of the state in checkpoints."""
        for group in self.param_groups:
            group["steps"] += 1
            group["eps"] = group["epsilon"] / math.sqrt(1 - group["betas"][1] ** group["steps"])
        return super().step(closure)


def make_adam(parameters: Iterable[nn.Parameter], plan: Plan, *, fused: bool = False) -> torch.optim.Adam:
    """The optimizer of a stage.

    Args:
        parameters: What is trained.
        plan: Variant of Adam, its epsilon, and the learning rate of the first step.
        fused: Update all parameters in one kernel. On a CPU a thin network has hundreds of small
            parameters, and starting an operation takes longer than updating one of them. Not with a loss
            scaler.
    """
    only_if = fused or None  # False would exclude PyTorch's own choice on a GPU
    if plan.adam == "tensorflow":
        return TensorFlowAdam(parameters, plan.learning_rate, plan.epsilon, fused=only_if)
    kind = torch.optim.AdamW if plan.adam == "adamw" else torch.optim.Adam
    return kind(parameters, lr=plan.learning_rate, eps=plan.epsilon, fused=only_if)


def learning_rate(plan: Plan, done: int) -> float:
    """Learning rate of the step after ``done`` steps of a stage.

    With cosine decay it is η(t) = η · (1 + cos(π t / T)) / 2 with t steps done of T: Loshchilov and Hutter,
    "SGDR: stochastic gradient descent with warm restarts" (ICLR 2017), equation 5, with a minimum of 0; each
    stage is one cycle.
    """
    if plan.decay == "none":
        return plan.learning_rate
    return plan.learning_rate * (1 + math.cos(math.pi * done / plan.iterations)) / 2
