"""What training has to know of a network: its schedule, and networks, samples and costs of its stages."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.networks.photo_network import PhotoNetwork

if TYPE_CHECKING:
    from torch import Tensor

    from ebb_train.data.dataset import CropSettings
    from ebb_train.data.sources import Source
    from ebb_train.networks.files import Config
    from ebb_train.settings import FitSettings, Plan, Schedule
    from ebb_train.training.checkpoint import Checkpoint

NetworkInTraining: TypeAlias = PyNet | PhotoNetwork

_WEIGHTS_KEY = 2
"""Separates these random numbers from others with the same seed."""


class Architecture(ABC):
    """A kind of network in training.

    Args:
        config: Of the network at the end of the last stage.
    """

    config: Config
    in_channels: int
    """4: RGB and depth. 3: RGB alone."""

    @abstractmethod
    def for_data(self, source: Source) -> Architecture:
        """The same with what depends on the training pairs.

        Raises:
            InvalidInput: the pairs lack something that the network takes.
        """

    @abstractmethod
    def settled(self, settings: FitSettings) -> FitSettings:
        """The settings with those that the network determines.

        Raises:
            UsageError: a setting is not one of this network.
        """

    @abstractmethod
    def schedule(self, settings: FitSettings) -> Schedule:
        """The schedule by its name, or from a file.

        Raises:
            UsageError: there is none, or it is not one of this network.
        """

    @abstractmethod
    def initial_network(
        self, settings: FitSettings, plan: Plan, before: NetworkInTraining | None
    ) -> NetworkInTraining:
        """The network of a stage before its first step.

        Args:
            settings: The seed and the weight initialisation.
            plan: Of the stage.
            before: The network at the end of the stage before.
        """

    def handed_on(
        self,
        plan: Plan,  # noqa: ARG002 - the stages of some networks differ
        network: NetworkInTraining,
        averaged: NetworkInTraining,  # noqa: ARG002
    ) -> NetworkInTraining:
        """The network at the end of a stage that the next one starts from.

        Args:
            plan: Of the stage.
            network: With its last weights.
            averaged: With the moving average of its weights.
        """
        return network

    @abstractmethod
    def restored_network(
        self, settings: FitSettings, plan: Plan, checkpoint: Checkpoint
    ) -> NetworkInTraining:
        """The network of a stage as it is in a checkpoint.

        Raises:
            InvalidInput: it is that of another network.
        """

    @abstractmethod
    def crops(self, plan: Plan, settings: FitSettings) -> CropSettings:
        """The samples of a stage."""

    @abstractmethod
    def step_cost(self, plan: Plan) -> float:
        """Cost of a step, as multiply-adds of the network in forward direction."""

    @abstractmethod
    def noise(self, plan: Plan, samples: int) -> tuple[Tensor, dict[str, Tensor]]:
        """A random input of a stage, as :class:`~ebb_train.data.dataset.Batch` has it, in [0, 1]."""

    def check_sizes(self, schedule: Schedule) -> None:  # noqa: B027 - PyNET takes all multiples of 64
        """Check that the network takes the crops of every stage.

        Raises:
            UsageError: it does not.
        """


def width_of(config: Config) -> float:
    """Width by which the layout of maps is chosen: measured for PyNET, others keep PyTorch's."""
    return config.width if isinstance(config, PyNetConfig) else math.inf


def weights_seed(settings: FitSettings, number: int) -> int:
    """Seed of the initial weights of a stage."""
    entropy = np.random.SeedSequence(settings.seed, spawn_key=(_WEIGHTS_KEY, number))
    return int(entropy.generate_state(1, np.uint32)[0])
