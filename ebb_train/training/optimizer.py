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
    """

    def __init__(self, parameters: Iterable[nn.Parameter], learning_rate: float, epsilon: float) -> None:
        super().__init__(parameters, lr=learning_rate, eps=epsilon)
        for group in self.param_groups:
            group["epsilon"], group["steps"] = epsilon, 0

    def step(self, closure: Any = None) -> Any:  # noqa: ANN401 - as PyTorch's
        """Do one step; the number of steps is part of the state in checkpoints."""
        for group in self.param_groups:
            group["steps"] += 1
            group["eps"] = group["epsilon"] / math.sqrt(1 - group["betas"][1] ** group["steps"])
        return super().step(closure)


def make_adam(parameters: Iterable[nn.Parameter], plan: Plan) -> torch.optim.Adam:
    """The optimizer of a stage."""
    if plan.adam == "tensorflow":
        return TensorFlowAdam(parameters, plan.learning_rate, plan.epsilon)
    if plan.adam == "adamw":
        return torch.optim.AdamW(parameters, lr=plan.learning_rate, eps=plan.epsilon)
    return torch.optim.Adam(parameters, lr=plan.learning_rate, eps=plan.epsilon)
