"""The moving average of the weights: calmer than the weights of any one step."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - only imported by training

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import nn

WARM_UP = 10
"""The average begins as one over few steps: after n of them the decay is at most (1 + n) / (10 + n)."""


class MovingAverage:
    """An exponential moving average of a network's weights: a ← d · a + (1 − d) · w after every step.

    Args:
        network: Whose weights; the average starts at them.
        decay: d, in (0, 1): about the last 1 / (1 − d) steps count.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self._steps = 0
        self._average = {name: values.detach().clone() for name, values in network.named_parameters()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the weights after a step."""
        decay = min(self._decay, (1 + self._steps) / (WARM_UP + self._steps))
        self._steps += 1
        for name, values in network.named_parameters():
            if values.requires_grad:
                self._average[name].lerp_(values, 1 - decay)

    @contextmanager
    def instead(self, network: nn.Module) -> Iterator[None]:
        """Let the network have the average for a while; afterwards it has its weights back, to the bit."""
        self._swap(network)
        try:
            yield
        finally:
            self._swap(network)

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold; not a copy."""
        return {"steps": self._steps, "average": self._average}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self._steps = int(state["steps"])
        for name, values in self._average.items():
            values.copy_(state["average"][name])

    @torch.no_grad()
    def _swap(self, network: nn.Module) -> None:
        for name, values in network.named_parameters():
            kept = values.clone()
            values.copy_(self._average[name])
            self._average[name] = kept
