"""Training of all levels, 7 first: each starts from the last, and all levels below train along.

A run goes on where it stopped when it is started again: on the CPU, with the same number of threads, to the
bit. That takes no state of the loader, as the stream of samples is a function of the seed and the position.
"""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ebb.progress import SilentProgress
from ebb.settings import as_dict
from ebb_train import optional
from ebb_train.data.reduced import depth_of
from ebb_train.data.samples import full_height
from ebb_train.data.sources import open_source
from ebb_train.losses import find_vgg
from ebb_train.settings import WatchSettings, read_schedule
from ebb_train.training.checkpoint import newest_checkpoint
from ebb_train.training.eta import find_workload
from ebb_train.training.level import Ground, Level
from ebb_train.training.loop import arithmetic
from ebb_train.training.monitor import Watch
from ebb_train.training.setup import as_launched, check_batches, claim, is_first_here, launch, one_voice
from ebb_train.training.validation import find_validator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lightning_fabric import Fabric

    from ebb.progress import Progress
    from ebb_train.data.sources import Source
    from ebb_train.models.network import PyNet
    from ebb_train.models.pynet import PyNetConfig
    from ebb_train.models.vgg import Vgg19
    from ebb_train.settings import ComputeSettings, FitSettings, Schedule
    from ebb_train.training.checkpoint import Checkpoint
    from ebb_train.training.run_folder import RunFolder
    from ebb_train.training.validation import Validator

DEFAULT_WATCH = WatchSettings()


@dataclass(frozen=True, kw_only=True)
class FitReport:
    """What came out."""

    run: Path
    weights: Path
    """Of the last level."""
    steps: int
    """Of all levels, with those of earlier starts."""
    resumed_at: int
    """Steps that were done before this start."""
    rank: int = 0
    """Of this process among those that trained; one of them, 0, should speak."""


def fit(
    dataset: Path,
    out: Path,
    config: PyNetConfig,
    settings: FitSettings,
    compute: ComputeSettings,
    watch: WatchSettings = DEFAULT_WATCH,
    *,
    progress: Progress | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> FitReport:
    """Train levels 7 … ``config.level``, or go on with it.

    Args:
        dataset: A dataset folder, its folder of shards, or an EBB! folder; its train pairs are used.
        out: The run folder.
        config: The network, and the last level to train.
        settings: What is computed.
        compute: How it is carried out.
        watch: What is shown on the way.
        progress: Who is told of every step.
        note: Called with one line for what the user should know on the way.

    Raises:
        UsageError: settings that do not go together, or are not those of the run folder.
        InvalidInput: the data set or all checkpoints are broken.
        MissingDependency: PyTorch Lightning Fabric, TensorBoard, a GPU or the VGG-19 weights are missing.
        Diverged: the loss is no number any more.
        OutputError: the run folder cannot be written.
        DatasetLocked: another process trains in the run folder.
        ProcessLost: one of several processes is gone.
    """
    optional.tensorboard()
    compute = as_launched(compute)
    note = note if is_first_here() else lambda _: None
    schedule = read_schedule(settings.schedule).down_to(config.level).with_vgg(settings.vgg_weight)
    needs_vgg = any(row.loss.vgg for row in schedule.rows)
    vgg = find_vgg(compute.vgg_weights, settings.vgg_input) if needs_vgg else None
    source = open_source(dataset)
    if config.in_channels == 4:
        depth_of(source.read(0), source.folder)  # told before a run folder is made
    schedule = schedule.with_crop(settings.crop, full_height(source))
    check_batches(schedule, compute)
    validator = find_validator(dataset, watch, note)
    fabric = launch(settings, compute)
    is_first = fabric.is_global_zero
    run = _Run(
        out=out,
        source=source,
        config=config,
        schedule=schedule,
        settings=replace(settings, first_weights=settings.spread(config.width)),
        compute=compute,
        watch=watch,
        fabric=fabric,
        vgg=vgg,
        validator=validator,
        progress=progress if progress is not None and is_first else SilentProgress(),
        note=note if is_first else lambda _: None,
    )
    folder = claim(fabric, out, run.identity)
    with closing(folder) if folder else nullcontext(), one_voice(fabric):
        return run.train(folder)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A run and everything it works with."""

    out: Path
    source: Source
    config: PyNetConfig
    schedule: Schedule
    settings: FitSettings
    compute: ComputeSettings
    watch: WatchSettings
    fabric: Fabric
    vgg: Vgg19 | None
    validator: Validator
    progress: Progress
    note: Callable[[str], None]

    @property
    def identity(self) -> dict[str, Any]:
        """What the run computes, as plain values; no path, no device."""
        values = as_dict(self.settings)
        for name in ("schedule", "vgg_weight", "crop"):  # they are in the rows
            values.pop(name, None)
        return {
            "network": self.config.as_dict(),
            "schedule": {str(row.level): as_dict(row) for row in self.schedule.rows},
            "settings": values,
            "dataset": {"sha256": self.source.fingerprint(), "pairs": len(self.source)},
        }

    def train(self, folder: RunFolder | None) -> FitReport:
        """Train all levels that are not done.

        Args:
            folder: Given to the one rank that writes.
        """
        checkpoint = newest_checkpoint(self.out, self.identity, self.note)
        resumed_at = checkpoint.position.total if checkpoint else 0
        if checkpoint:
            self._greet(checkpoint)
        if folder:
            folder.forget_after(resumed_at)
        workload = find_workload(self.config, self.schedule)
        watch = Watch(self.watch, workload, self.validator, self.progress, folder, resumed_at)
        with closing(watch):
            steps = self._train_levels(self._ground(watch, folder), checkpoint)
        weights = self.out / f"level-{self.config.level}.safetensors"
        return FitReport(
            run=self.out,
            weights=weights,
            steps=steps,
            resumed_at=resumed_at,
            rank=self.fabric.global_rank,
        )

    def _train_levels(self, ground: Ground, checkpoint: Checkpoint | None) -> int:
        """Train from the checkpoint on; the number of steps of all levels."""
        total = position = 0
        network: PyNet | None = None
        for row in self.schedule.rows:
            if checkpoint is None or row.level <= checkpoint.position.level:
                level = Level(ground, row, total=total, position=position)
                network = level.train(network, checkpoint)
                checkpoint = None
            total += row.iterations
            position += row.iterations * row.batch
        return total

    def _ground(self, watch: Watch, folder: RunFolder | None) -> Ground:
        return Ground(
            out=self.out,
            source=self.source,
            config=self.config,
            settings=self.settings,
            compute=self.compute,
            fabric=self.fabric,
            vgg=self.vgg,
            watch=watch,
            folder=folder,
        )

    def _greet(self, checkpoint: Checkpoint) -> None:
        position = checkpoint.position
        self.note(f"going on after step {position.step} of level {position.level}")
        before, now = checkpoint.training["arithmetic"], arithmetic(self.fabric, self.compute)
        differences = [
            f"{name} {now[name]}, {before[name]} before" for name in now if now[name] != before[name]
        ]
        if differences:
            self.note(
                f"note: {'; '.join(differences)}: the last bits will not be those of a run without a stop"
            )
