"""One level of a run: where its network starts, its samples, its steps, its checkpoints."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch  # noqa: TID253 - only imported by training

from ebb.errors import UsageError
from ebb.pytorch import as_memory_error
from ebb_train.data.samples import Samples, SampleSettings, Stretch, micro_batches
from ebb_train.losses import Loss
from ebb_train.models.network import PyNet, save_pynet
from ebb_train.training.checkpoint import Checkpoint, Position, save_checkpoint
from ebb_train.training.loop import Diverged, LevelTrainer

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from lightning_fabric import Fabric

    from ebb_train.data.samples import Batch
    from ebb_train.data.sources import Source
    from ebb_train.models.pynet import PyNetConfig
    from ebb_train.models.vgg import Vgg19
    from ebb_train.settings import ComputeSettings, FitSettings, LevelPlan
    from ebb_train.training.monitor import Watch
    from ebb_train.training.run_folder import RunFolder

BATCHES = "lower --micro-batch, which changes no result, or --crop"
WHOLE_PHOTOS = "validation renders whole photos: a data set of a lower ebb align --height needs less"
"""What to do where memory is short."""

_FIRST_WEIGHTS = 2
"""Keeps these draws apart from others with the same seed."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What all levels of a run work with."""

    out: Path
    source: Source
    config: PyNetConfig
    settings: FitSettings
    compute: ComputeSettings
    fabric: Fabric
    vgg: Vgg19 | None
    watch: Watch
    folder: RunFolder | None
    """Of the one rank that writes."""


class Level:
    """One level of a run.

    Args:
        ground: What all levels share.
        plan: Of this level; its crop is given.
        total: Steps of the levels before.
        position: Samples of the levels before.
    """

    def __init__(self, ground: Ground, plan: LevelPlan, *, total: int, position: int) -> None:
        self._ground, self._plan = ground, plan
        self._total, self._position = total, position

    def train(self, before: PyNet | None, checkpoint: Checkpoint | None) -> PyNet:
        """Train from the level before, from a checkpoint of this level, or from the beginning.

        Raises:
            Diverged: the loss is no number any more.
            UsageError: there is not enough memory for the batches.
            InvalidInput: a pair is damaged.
            OutputError: the run folder cannot be written.
        """
        trainer = self._trainer(before, checkpoint)
        done = checkpoint.position.step if checkpoint else 0
        watch = self._ground.watch
        watch.start(self._plan.level, done)
        try:
            with closing(self._batches(done)) as batches:
                for step in range(done + 1, self._plan.iterations + 1):
                    self._step(trainer, batches, step)
        finally:
            watch.finish()
        return trainer.network

    def _step(self, trainer: LevelTrainer, batches: Iterator[Batch], step: int) -> None:
        position = Position(level=self._plan.level, step=step, total=self._total + step)
        hint = BATCHES
        try:
            with as_memory_error(f"batches of {self._plan.batch} crops of {self._plan.crop} pixels"):
                terms = trainer.step(batches)
            hint = WHOLE_PHOTOS
            self._ground.watch.step(position, terms, self._plan.batch)
            self._ground.watch.validate_if_due(position, trainer)
        except MemoryError as error:
            message = f"level {position.level}, step {step}: {error}"
            hint = f"{hint}; the last checkpoint is kept"
            raise UsageError(message, path=self._ground.out, hint=hint) from error
        except Diverged as error:
            hint = "the last checkpoint is kept; a lower learning rate or --precision fp32 may help"
            message = f"level {position.level}, step {step}: {error.message}"
            raise Diverged(message, path=self._ground.out, hint=hint) from error
        self._save_if_due(position, trainer)
        self._ground.watch.advance(position)

    def _save_if_due(self, position: Position, trainer: LevelTrainer) -> None:
        is_last = position.step == self._plan.iterations
        folder = self._ground.folder
        if folder is None or (position.step % self._ground.compute.checkpoint_every and not is_last):
            return
        if is_last:
            with trainer.averaged():
                source = f"ebb-train fit, level {position.level}"
                save_pynet(folder.level_weights(position.level), trainer.network, source=source)
        save_checkpoint(folder.path, trainer.network, trainer.state(), position, folder.identity)

    def _trainer(self, before: PyNet | None, checkpoint: Checkpoint | None) -> LevelTrainer:
        ground, plan = self._ground, self._plan
        loss = Loss(plan.loss, ground.vgg if plan.loss.vgg else None)
        trainer = LevelTrainer(
            ground.fabric,
            self._network(before, checkpoint),
            plan,
            loss,
            ema=ground.settings.ema,
            compute=ground.compute,
        )
        if checkpoint:
            trainer.load_state(checkpoint.training)
        return trainer

    def _network(self, before: PyNet | None, checkpoint: Checkpoint | None) -> PyNet:
        """With the weights it starts from."""
        settings, level = self._ground.settings, self._plan.level
        network = PyNet(replace(self._ground.config, level=level))
        spread = settings.spread(network.config.width)
        network.reset_parameters(_generator(settings.seed, level), spread)
        if checkpoint:
            tensors = {name: torch.from_numpy(values) for name, values in checkpoint.tensors.items()}
            network.start_from(tensors, checkpoint.config)
        elif before:
            tensors = {name: values.detach().cpu() for name, values in before.state_dict().items()}
            network.start_from(tensors, before.config)
            if level == 1 and spread == "fan_in":
                network.enlarge_level_2()
        return network

    def _batches(self, done: int) -> Generator[Batch, None, None]:
        ground, plan = self._ground, self._plan
        settings = SampleSettings(
            level=plan.level,
            side=plan.crop,
            in_channels=ground.config.in_channels,
            seed=ground.settings.seed,
            augment=ground.settings.augment,
        )
        stretch = Stretch(
            start=self._position + done * plan.batch,
            batches=plan.iterations - done,
            batch=plan.batch,
            micro_batch=ground.compute.micro_batch,
            rank=ground.fabric.global_rank,
            ranks=ground.fabric.world_size,
        )
        on_gpu = ground.fabric.device.type == "cuda"
        samples = Samples(ground.source, settings)
        return micro_batches(samples, stretch, workers=ground.compute.num_loaders, pin_memory=on_gpu)


def _generator(seed: int, level: int) -> torch.Generator:
    """What the first weights of a level's new layers are drawn from."""
    entropy = np.random.SeedSequence(seed, spawn_key=(_FIRST_WEIGHTS, level))
    return torch.Generator().manual_seed(int(entropy.generate_state(1, np.uint32)[0]))
