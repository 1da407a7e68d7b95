"""PyNET in training: its levels are stages, each of which adds layers to the network of the level before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import torch  # noqa: TID253 - only imported by training

from ebb_train.data.dataset import CropSettings
from ebb_train.data.reduced import depth_of
from ebb_train.models.identity import keep_photo, start_as_photo
from ebb_train.models.network import PyNet
from ebb_train.stages import read_schedule
from ebb_train.training.architecture import Architecture, weights_seed
from ebb_train.training.eta import level_cost

if TYPE_CHECKING:
    from torch import Tensor

    from ebb_train.data.sources import Source
    from ebb_train.models.network import WeightInit
    from ebb_train.models.pynet import PyNetConfig
    from ebb_train.settings import FitSettings, LevelPlan, LevelSchedule, Plan
    from ebb_train.training.architecture import NetworkInTraining
    from ebb_train.training.checkpoint import Checkpoint


class PyNetLevels(Architecture):
    """PyNET, down to ``config.level``."""

    def __init__(self, config: PyNetConfig) -> None:
        self.config: PyNetConfig = config
        self.in_channels = config.in_channels

    def for_data(self, source: Source) -> PyNetLevels:
        """Itself; the first pair has depth if the network takes it."""
        if self.in_channels == 4:
            depth_of(source.read(0), source.folder)
        return self

    def settled(self, settings: FitSettings) -> FitSettings:
        """The settings with the weight initialisation of this width."""
        return replace(settings, weight_init=settings.weight_init_of(self.config.width))

    def schedule(self, settings: FitSettings) -> LevelSchedule:
        """Down to the last level."""
        return read_schedule(settings.schedule).down_to(self.config.level)

    def initial_network(self, settings: FitSettings, plan: Plan, before: NetworkInTraining | None) -> PyNet:
        """Random weights in the new layers; see :func:`initial_pynet`."""
        return initial_pynet(
            self.config, settings, cast("LevelPlan", plan).level, cast("PyNet | None", before)
        )

    def restored_network(self, settings: FitSettings, plan: Plan, checkpoint: Checkpoint) -> PyNet:
        """The network of the level."""
        network = self.initial_network(settings, plan, None)
        tensors = {name: torch.from_numpy(values) for name, values in checkpoint.tensors.items()}
        network.start_from(tensors, cast("PyNetConfig", checkpoint.config))
        return network

    def crops(self, plan: Plan, settings: FitSettings) -> CropSettings:
        """Inputs of half the crop's size, targets of the size of the level's picture."""
        return CropSettings(
            level=cast("LevelPlan", plan).level,
            side=plan.crop,
            in_channels=self.in_channels,
            seed=settings.seed,
            augment=settings.augment,
        )

    def step_cost(self, plan: Plan) -> float:
        """See :func:`ebb_train.training.eta.level_cost`."""
        return level_cost(self.config, cast("LevelPlan", plan))

    def noise(self, plan: Plan, samples: int) -> tuple[Tensor, dict[str, Tensor]]:
        """RGB, and depth if the network takes it."""
        return torch.rand(samples, self.in_channels, plan.crop // 2, plan.crop // 2), {}


def initial_pynet(config: PyNetConfig, settings: FitSettings, level: int, before: PyNet | None) -> PyNet:
    """The network of a level before its first step, with random weights in its new layers.

    Args:
        config: Of the network; its level is ignored.
        settings: The seed and the weight initialisation.
        level: Of the network.
        before: The network of the level before.
    """
    network = PyNet(replace(config, level=level))
    weight_init = settings.weight_init_of(config.width)
    seed = weights_seed(settings, level)
    rule: WeightInit = "paper" if weight_init == "paper" else "fan_in"
    network.reset_parameters(torch.Generator().manual_seed(seed), rule)
    if weight_init == "identity":
        for new in range(level, before.config.level if before else 8):
            start_as_photo(network, new)
        keep_photo(network)
    if before:
        tensors = {name: values.detach().cpu() for name, values in before.state_dict().items()}
        network.start_from(tensors, before.config)
        if level == 1 and weight_init != "paper":
            network.enlarge_level_2()
    return network
