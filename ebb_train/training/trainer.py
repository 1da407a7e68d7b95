"""The trainer: steps of Adam, each over a batch that may be divided into micro-batches."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import torch  # noqa: TID253 - only imported by training
from torch.nn.utils import get_total_norm  # noqa: TID253

from ebb.errors import EbbError, ExitCode
from ebb_train.data.dataset import unit_range
from ebb_train.settings import ComputeSettings
from ebb_train.training.architecture import width_of
from ebb_train.training.ema import moving_average
from ebb_train.training.optimizer import learning_rate, make_adam

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lightning_fabric import Fabric
    from torch import Tensor, nn

    from ebb_train.data.dataset import Batch
    from ebb_train.losses import Loss
    from ebb_train.settings import Plan
    from ebb_train.training.architecture import NetworkInTraining


DEFAULT_COMPUTE = ComputeSettings()
"""Uncompiled, the whole batch at a time."""


class Diverged(EbbError):
    """The loss or its gradient is not finite."""

    exit_code = ExitCode.ITEMS_FAILED


def arithmetic(fabric: Fabric, compute: ComputeSettings, width: float) -> dict[str, Any]:
    """Properties that change the last bits of the results without being settings of the run."""
    is_channels_last = compute.is_channels_last(fabric.device.type, width)
    return {
        "device": fabric.device.type,
        "devices": fabric.world_size,
        "threads": torch.get_num_threads(),
        "micro-batch": compute.micro_batch,
        "channels-last": is_channels_last,
        "compile": compute.compile,
    }


class Trainer:
    """A network in training with its optimizer and its loss.

    Args:
        fabric: Devices and precision; launched.
        network: Moved to the device and trained in place.
        plan: Learning rate and batch.
        loss: The loss.
        ema: Decay of a moving average of the weights; 0: there is none.
        compute: Settings that do not determine the result.
        done: Steps of the stage that are done; the learning rate may depend on it.
    """

    def __init__(
        self,
        fabric: Fabric,
        network: NetworkInTraining,
        plan: Plan,
        loss: Loss,
        *,
        ema: float = 0.0,
        compute: ComputeSettings = DEFAULT_COMPUTE,
        done: int = 0,
    ) -> None:
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.fabric, self.network = fabric, network.train()
        self._plan, self._trained, self._done = plan, trained, done
        self._samples = plan.batch // fabric.world_size
        self._micro_batch = compute.micro_batch or self._samples
        is_channels_last = compute.is_channels_last(fabric.device.type, width_of(network.config))
        self._layout = torch.channels_last if is_channels_last else torch.contiguous_format
        self._compute = compute
        self._loss = loss.to(fabric.device)
        optimizer = make_adam(trained, plan, fused=fabric.device.type == "cpu" and not self._has_scaler)
        network.to(memory_format=self._layout)  # type: ignore[call-overload]  # its stub lacks this one
        model = cast("nn.Module", torch.compile(network)) if compute.compile else network
        self._model, self._optimizer = fabric.setup(model, optimizer)
        self._average = moving_average(network, ema) if ema else None

    def step(self, batches: Iterator[Batch]) -> dict[str, float]:
        """Do one step.

        Args:
            batches: The stream of micro-batches of this rank; as many as make a batch are taken.

        Returns:
            The terms of the loss, the loss, and ``gradient_norm``: means over the batch and all ranks.

        Raises:
            Diverged: one of them is not finite; the weights are still those of the step before.
            InvalidInput: a sample is damaged.
        """
        parts = math.ceil(self._samples / self._micro_batch)
        sums: dict[str, Tensor] = {}
        pair_ids: list[str] = []
        for number, batch in enumerate(islice(batches, parts)):
            share = len(batch.pair_ids) / self._samples
            pair_ids += batch.pair_ids
            with self.fabric.no_backward_sync(self._model, enabled=number < parts - 1):
                photo, target = self._to_device(batch.photo), self._to_device(batch.target)
                planes = {name: plane.to(self.fabric.device) for name, plane in batch.planes.items()}
                pictures = self._model(photo.contiguous(memory_format=self._layout), **planes)
                terms = self._loss(pictures, target)
                self.fabric.backward(share * terms["loss"])
            for name, term in terms.items():
                sums[name] = sums.get(name, 0.0) + share * term.detach()
        sums["gradient_norm"] = self._gradient_norm()
        means = self._mean_over_ranks(sums)
        self._check(means, pair_ids)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._plan, self._done)
        self._optimizer.step()
        self._done += 1
        self._optimizer.zero_grad()
        if self._average:
            self._average.update_parameters(self.network)
        return means

    @property
    def averaged_network(self) -> NetworkInTraining:
        """The network with the moving average of the weights; without an average, :attr:`network`."""
        return cast("NetworkInTraining", self._average.module) if self._average else self.network

    def state(self) -> dict[str, Any]:
        """State for a checkpoint, without the weights; not a copy: the next step changes it."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {
            "optimizer": self._optimizer.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
            "rng": torch.get_rng_state(),
            "cuda_rng": cuda,
            "average": self._average.state_dict() if self._average else {},
            "arithmetic": arithmetic(self.fabric, self._compute, width_of(self.network.config)),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a result of :meth:`state`."""
        self._optimizer.load_state_dict(state["optimizer"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        if self._average:
            self._average.load_state_dict(state["average"])
        torch.set_rng_state(state["rng"])
        if torch.cuda.is_available() and len(state["cuda_rng"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["cuda_rng"])

    def _to_device(self, values: Tensor) -> Tensor:
        return unit_range(values.to(self.fabric.device, non_blocking=True))

    def _gradient_norm(self) -> Tensor:
        """Norm of the whole gradient; clipping at infinity computes it, after removing the loss scale."""
        if not self._has_scaler:
            return get_total_norm([values.grad for values in self._trained if values.grad is not None])
        norm = self.fabric.clip_gradients(
            self._model, self._optimizer, max_norm=math.inf, error_if_nonfinite=False
        )
        return torch.as_tensor(norm)

    def _mean_over_ranks(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        stacked = torch.stack([value.float() for value in values.values()])
        if self.fabric.world_size > 1:
            stacked = torch.as_tensor(self.fabric.all_reduce(stacked, reduce_op="mean"))
        return dict(zip(values, stacked.tolist(), strict=True))

    def _check(self, means: Mapping[str, float], pair_ids: list[str]) -> None:
        """Raise before the weights change. With a loss scaler, infinite gradients are expected."""
        checked = [name for name in means if not (self._has_scaler and name == "gradient_norm")]
        if all(math.isfinite(means[name]) for name in checked):
            return
        terms = ", ".join(f"{name} {value:.4g}" for name, value in means.items())
        raise Diverged(f"training diverged: {terms}; samples {', '.join(self._of_all_ranks(pair_ids))}")

    @property
    def _has_scaler(self) -> bool:
        """Whether gradients are scaled, as with float16."""
        return getattr(self.fabric.strategy.precision, "scaler", None) is not None

    def _of_all_ranks(self, pair_ids: list[str]) -> list[str]:
        found: list[list[str]] = [pair_ids] * self.fabric.world_size
        if self.fabric.world_size > 1:
            torch.distributed.all_gather_object(found, pair_ids)
        return [pair_id for ids in found for pair_id in ids]
