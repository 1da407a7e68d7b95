"""The network, trainer and batches of one level."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch  # noqa: TID253 - only imported by training

from ebb_train.data.batch_sampler import BatchRange
from ebb_train.data.dataset import CropDataset, CropSettings
from ebb_train.data.loader import micro_batches
from ebb_train.losses import Loss
from ebb_train.models.identity import start_as_photo
from ebb_train.models.network import PyNet
from ebb_train.training.checkpoint import Checkpoint
from ebb_train.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Generator

    from ebb_train.data.dataset import Batch
    from ebb_train.models.pynet import PyNetConfig
    from ebb_train.settings import FitSettings, LevelPlan, ScheduledLevel
    from ebb_train.training.checkpoint import Checkpoint
    from ebb_train.training.context import TrainingContext

_WEIGHTS_KEY = 2
"""Separates these random numbers from others with the same seed."""


def level_trainer(
    context: TrainingContext, plan: LevelPlan, before: PyNet | None, checkpoint: Checkpoint | None
) -> Trainer:
    """The trainer of a level, restored from a checkpoint or at its first step.

    Args:
        context: Of the run.
        plan: Of the level.
        before: The network of the level before, if it was trained.
        checkpoint: Of this level; it takes precedence.
    """
    network = initial_network(context.config, context.settings, plan.level, before)
    if checkpoint:
        tensors = {name: torch.from_numpy(values) for name, values in checkpoint.tensors.items()}
        network.start_from(tensors, checkpoint.config)
    loss = Loss(plan.loss, context.vgg if plan.loss.vgg else None)
    trainer = Trainer(
        context.fabric,
        network,
        plan,
        loss,
        ema=context.settings.ema,
        compute=context.compute,
        done=checkpoint.position.step if checkpoint else 0,
    )
    if checkpoint:
        trainer.load_state(checkpoint.training)
    return trainer


def initial_network(config: PyNetConfig, settings: FitSettings, level: int, before: PyNet | None) -> PyNet:
    """The network of a level before its first step, with random weights in its new layers.

    Args:
        config: Of the network; its level is ignored.
        settings: The seed and the weight initialisation.
        level: Of the network.
        before: The network of the level before.
    """
    network = PyNet(replace(config, level=level))
    weight_init = settings.weight_init_of(config.width)
    entropy = np.random.SeedSequence(settings.seed, spawn_key=(_WEIGHTS_KEY, level))
    seed = int(entropy.generate_state(1, np.uint32)[0])
    is_identity = weight_init == "identity"
    network.reset_parameters(torch.Generator().manual_seed(seed), "paper" if weight_init == "paper" else "fan_in")
    for new in range(level, before.config.level if before else 8):
        if is_identity:
            start_as_photo(network, new)
    if before:
        tensors = {name: values.detach().cpu() for name, values in before.state_dict().items()}
        network.start_from(tensors, before.config)
        if level == 1 and weight_init != "paper":
            network.enlarge_level_2()
    return network


def level_batches(context: TrainingContext, level: ScheduledLevel, done: int) -> Generator[Batch, None, None]:
    """The micro-batches of this rank after ``done`` steps of a level, up to its last step."""
    plan = level.plan
    settings = CropSettings(
        level=plan.level,
        side=plan.crop,
        in_channels=context.config.in_channels,
        seed=context.settings.seed,
        augment=context.settings.augment,
    )
    batch_range = BatchRange(
        start=level.samples_before + done * plan.batch,
        batches=plan.iterations - done,
        batch=plan.batch,
        micro_batch=context.compute.micro_batch,
        rank=context.fabric.global_rank,
        ranks=context.fabric.world_size,
    )
    on_gpu = context.fabric.device.type == "cuda"
    samples = CropDataset(context.source, settings)
    return micro_batches(samples, batch_range, workers=context.compute.num_loaders, pin_memory=on_gpu)
