"""Networks of the registry in training: every stage continues the same network, or trains a part of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import torch  # noqa: TID253 - only imported by training

from ebb.errors import InvalidInput, UsageError
from ebb_train.data.dataset import CropSettings
from ebb_train.data.planes import strength_of
from ebb_train.networks.cost import multiply_adds
from ebb_train.networks.photo_network import PhotoNetwork, build_network, load_tensors
from ebb_train.networks.registry import find_spec
from ebb_train.networks.spec import NetworkConfig
from ebb_train.stages import StageSchedule, read_stages
from ebb_train.training.architecture import Architecture, weights_seed
from ebb_train.training.eta import A_PARAMETER

if TYPE_CHECKING:
    from torch import Tensor

    from ebb_train.data.sources import Source
    from ebb_train.settings import FitSettings, Plan, Schedule
    from ebb_train.stages import StagePlan
    from ebb_train.training.architecture import NetworkInTraining
    from ebb_train.training.checkpoint import Checkpoint


class NetworkStages(Architecture):
    """A network other than PyNET."""

    def __init__(self, config: NetworkConfig) -> None:
        self.config: NetworkConfig = config
        self.spec = find_spec(config.model)
        self.in_channels = 4 if "depth" in self.spec.planes else 3

    def for_data(self, source: Source) -> NetworkStages:
        """The network for photos of this height; the first pair has what the network takes."""
        first = source.read(0)
        if self.in_channels == 4 and first.depth is None:
            message = f"pair {first.pair_id} has no depth map, and {self.spec.name} takes one"
            raise InvalidInput(message, path=source.folder, hint="make one with: ebb depth, then ebb shard")
        if "strength" in self.spec.planes:
            strength_of(first.f_number, self.spec.reference_f_number, first.pair_id, source.folder)
        if self.spec.photo_height and not self.config.photo_height:
            return NetworkStages(replace(self.config, photo_height=int(first.wide.shape[0])))
        return self

    def settled(self, settings: FitSettings) -> FitSettings:
        """The settings as they are: initial weights are those of the network's layers."""
        if settings.weight_init != "auto":
            hint = "leave it away, or --model pynet"
            raise UsageError(
                f"--weight-init {settings.weight_init} is for PyNET, not {self.spec.name}", hint=hint
            )
        return settings

    def schedule(self, settings: FitSettings) -> StageSchedule:
        """The network's own, or from a file; its parts exist, and its sizes fit."""
        schedule = read_stages(settings.schedule, self.spec.schedule)
        with torch.device("meta"):
            network = PhotoNetwork(self.config)
        for plan in schedule.rows:
            for part in (plan.part, *plan.copy.split("=")):
                _check_part(network, part, plan)
        return schedule

    def check_sizes(self, schedule: Schedule) -> None:
        """The network takes the crops of every stage."""
        for plan in cast("StageSchedule", schedule).rows:
            side = self._side(plan)
            if plan.crop % plan.scale or side % self.spec.multiple or side < self.spec.smallest_side:
                step = self.spec.multiple * plan.scale
                message = f"{plan.title}: crops of {plan.crop} pixels, reduced by {plan.scale}"
                least = max(step, self.spec.smallest_side * plan.scale)
                hint = f"{self.spec.name} takes multiples of {step}, from {least} on"
                raise UsageError(message, hint=hint)

    def initial_network(
        self, settings: FitSettings, plan: Plan, before: NetworkInTraining | None
    ) -> PhotoNetwork:
        """Random weights in the first stage, then those of the stage before."""
        stage = cast("StagePlan", plan)
        network = build_network(self.config, weights_seed(settings, 0))
        if before:
            network.load_state_dict(
                {name: values.detach().cpu() for name, values in before.state_dict().items()}
            )
        if stage.copy:
            into, origin = (network.module.get_submodule(part) for part in stage.copy.split("="))
            into.load_state_dict(origin.state_dict())
        return _for_stage(network, stage)

    def handed_on(
        self, plan: Plan, network: NetworkInTraining, averaged: NetworkInTraining
    ) -> NetworkInTraining:
        """A part that is trained alone is finished, so its average is handed on."""
        return averaged if cast("StagePlan", plan).part else network

    def restored_network(self, settings: FitSettings, plan: Plan, checkpoint: Checkpoint) -> PhotoNetwork:
        """The network of the stage."""
        if not isinstance(checkpoint.config, NetworkConfig):
            raise InvalidInput("of a run of PyNET", path=checkpoint.path)
        checkpoint.config.require(self.config, checkpoint.path)
        network = build_network(self.config, weights_seed(settings, 0))
        load_tensors(network, checkpoint.tensors, checkpoint.path)
        return _for_stage(network, cast("StagePlan", plan))

    def crops(self, plan: Plan, settings: FitSettings) -> CropSettings:
        """Input and target of the same size: that of the crop, over the stage's scale."""
        scale = cast("StagePlan", plan).scale
        return CropSettings(
            scale=scale,
            side=plan.crop,
            in_channels=self.in_channels,
            position="position" in self.spec.planes,
            reference_f_number=self.spec.reference_f_number if "strength" in self.spec.planes else 0.0,
            strength=1 / scale if self.spec.strength_is_scale else 0.0,
            seed=settings.seed,
            augment=settings.augment,
        )

    def step_cost(self, plan: Plan) -> float:
        """Multiply-adds of the batch, and the update of the parameters."""
        stage = cast("StagePlan", plan)
        side = self._side(stage)
        a_sample = multiply_adds(self.config, side, side, stage.part)
        return stage.batch * a_sample + A_PARAMETER * self.spec.parameters * self.config.width**2

    def noise(self, plan: Plan, samples: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Everything that the network takes."""
        side = self._side(cast("StagePlan", plan))
        planes = {"strength": torch.rand(samples, 1), "position": torch.rand(samples, 2, side, side)}
        photo = torch.rand(samples, self.in_channels, side, side)
        return photo, {name: plane for name, plane in planes.items() if name in self.spec.planes}

    def _side(self, plan: StagePlan) -> int:
        return plan.crop // plan.scale


def _for_stage(network: PhotoNetwork, plan: StagePlan) -> PhotoNetwork:
    """The part of the stage learns; it is validated alone, in the last stage the whole network is."""
    network.requires_grad_(requires_grad=not plan.part)
    network.module.get_submodule(plan.part).requires_grad_(requires_grad=True)
    network.trained_part = plan.part
    network.shown_part = "" if plan.is_last else plan.part
    return network


def _check_part(network: PhotoNetwork, part: str, plan: StagePlan) -> None:
    try:
        network.module.get_submodule(part)
    except AttributeError as error:
        message = f"{plan.title}: {network.spec.name} has no part {part!r}"
        known = ", ".join(name for name, _ in network.module.named_children())
        raise UsageError(message, hint=f"its parts: {known}") from error
