"""Training of all levels, 7 first: each starts from the last, and all levels below train along.

A run goes on where it stopped when it is started again: on the CPU, with the same number of threads, to the
bit. That takes no state of the loader, as the stream of samples is a function of the seed and the position.
"""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch  # noqa: TID253 - only imported by training

from ebb.console import SilentProgress
from ebb.errors import EbbError, MissingDependency, Status, UsageError
from ebb.settings import as_dict
from ebb_train import optional
from ebb_train.data.samples import Samples, SampleSettings, Stretch, full_height, micro_batches
from ebb_train.data.sources import CachedSource, open_source
from ebb_train.fit.checkpoint import Checkpoint, Position, newest_checkpoint, save_checkpoint
from ebb_train.fit.loop import Diverged, LevelTrainer
from ebb_train.fit.run_folder import RunFolder
from ebb_train.losses import Loss, find_vgg
from ebb_train.models.network import PyNet, save_pynet
from ebb_train.settings import read_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from lightning_fabric import Fabric

    from ebb.errors import Reason
    from ebb_train.data.samples import Batch
    from ebb_train.data.sources import Source
    from ebb_train.models.pynet import PyNetConfig
    from ebb_train.models.vgg import Vgg19
    from ebb_train.settings import ComputeSettings, FitSettings, LevelPlan, Schedule

_FIRST_WEIGHTS = 2
"""Keeps these draws apart from others with the same seed."""

_PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


class Progress(Protocol):
    """Who watches: see :mod:`ebb.console`."""

    def start(self, stage: str, total: int) -> None:
        """A level begins; ``total`` steps are left of it."""
        ...

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
        """A step is done."""
        ...

    def finish(self) -> None:
        """The level ends."""
        ...


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
        progress: Who watches.
        note: Called with one line for what the user should know on the way.

    Raises:
        UsageError: settings that do not go together, or are not those of the run folder.
        InvalidInput: the data set or all checkpoints are broken.
        MissingDependency: PyTorch Lightning Fabric, a GPU or the VGG-19 weights are missing.
        Diverged: the loss is no number any more.
        OutputError: the run folder cannot be written.
        DatasetLocked: another process trains in the run folder.
    """
    schedule = read_schedule(settings.schedule).down_to(config.level).with_vgg(settings.vgg_weight)
    needs_vgg = any(row.loss.vgg for row in schedule.rows)
    vgg = find_vgg(compute.vgg_weights, settings.vgg_input) if needs_vgg else None
    source = CachedSource(open_source(dataset))
    fabric = _fabric(settings, compute)
    _check_batches(schedule, fabric.world_size)
    run = _Run(
        out=out,
        source=source,
        config=config,
        schedule=schedule,
        settings=replace(settings, crop=settings.crop or full_height(source)),
        compute=compute,
        fabric=fabric,
        vgg=vgg,
        progress=progress if progress is not None and fabric.is_global_zero else SilentProgress(),
        note=note if fabric.is_global_zero else lambda _: None,
    )
    folder = _claim(run)
    with closing(folder) if folder else nullcontext():
        return run.train(folder)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A run and everything it works with; ``folder`` is given to the one rank that writes."""

    out: Path
    source: Source
    config: PyNetConfig
    schedule: Schedule
    settings: FitSettings
    compute: ComputeSettings
    fabric: Fabric
    vgg: Vgg19 | None
    progress: Progress
    note: Callable[[str], None]

    @property
    def identity(self) -> dict[str, Any]:
        """What the run computes, as plain values; no path, no device."""
        values = as_dict(self.settings)
        for name in ("schedule", "vgg_weight"):  # both are in the rows
            values.pop(name, None)
        return {
            "network": self.config.as_dict(),
            "schedule": {str(row.level): as_dict(row) for row in self.schedule.rows},
            "settings": values,
            "dataset": {"sha256": self.source.fingerprint(), "pairs": len(self.source)},
        }

    def train(self, folder: RunFolder | None) -> FitReport:
        """Train all levels that are not done."""
        checkpoint = newest_checkpoint(self.out, self.identity, self.note)
        resumed_at = checkpoint.position.total if checkpoint else 0
        if checkpoint:
            self._greet(checkpoint)
        if folder:
            folder.forget_after(resumed_at)
        total = position = 0
        network: PyNet | None = None
        for row in self.schedule.rows:
            if checkpoint is None or row.level <= checkpoint.position.level:
                level = _Level(self, row, total, position, folder)
                network = level.train(network, checkpoint)
                checkpoint = None
            total += row.iterations
            position += row.iterations * row.batch
        weights = self.out / f"level-{self.config.level}.safetensors"
        return FitReport(
            run=self.out,
            weights=weights,
            steps=total,
            resumed_at=resumed_at,
            rank=self.fabric.global_rank,
        )

    def _greet(self, checkpoint: Checkpoint) -> None:
        position = checkpoint.position
        self.note(f"going on after step {position.step} of level {position.level}")
        threads = checkpoint.training["threads"]
        if self.fabric.device.type == "cpu" and threads != torch.get_num_threads():
            self.note(
                f"note: {torch.get_num_threads()} threads, {threads} before: the last bits will not be "
                "those of a run without a stop"
            )


class _Level:
    """One level of a run."""

    def __init__(
        self, run: _Run, plan: LevelPlan, total: int, position: int, folder: RunFolder | None
    ) -> None:
        self.run, self.plan, self.folder = run, plan, folder
        self._total, self._position = total, position  # steps and samples of the levels before
        self._sums: dict[str, float] = defaultdict(float)
        self._logged_at, self._logged_step = time.monotonic(), 0

    def train(self, before: PyNet | None, checkpoint: Checkpoint | None) -> PyNet:
        """Train from the level before, from a checkpoint of this level, or from the beginning."""
        trainer = self._trainer(before, checkpoint)
        done = checkpoint.position.step if checkpoint else 0
        self._logged_step = done
        self.run.progress.start(f"level {self.plan.level}", self.plan.iterations - done)
        try:
            with closing(self._batches(done)) as batches:
                for step in range(done + 1, self.plan.iterations + 1):
                    self._step(trainer, batches, step)
        finally:
            self.run.progress.finish()
        return trainer.network

    def _step(self, trainer: LevelTrainer, batches: Iterator[Batch], step: int) -> None:
        try:
            terms = trainer.step(batches, self.run.compute.micro_batch)
        except Diverged as error:
            hint = "the last checkpoint is kept; a lower learning rate or --precision fp32 may help"
            message = f"level {self.plan.level}, step {step}: {error.message}"
            raise Diverged(message, path=self.run.out, hint=hint) from error
        self._log(terms, step)
        is_last = step == self.plan.iterations
        if is_last or step % self.run.compute.checkpoint_every == 0:
            self._save(trainer, step, is_last=is_last)
        self.run.progress.advance(str(step), Status.OK, None, "")

    def _trainer(self, before: PyNet | None, checkpoint: Checkpoint | None) -> LevelTrainer:
        network = PyNet(replace(self.run.config, level=self.plan.level))
        network.reset_parameters(_generator(self.run.settings.seed, self.plan.level))
        if checkpoint:
            tensors = {name: torch.from_numpy(values) for name, values in checkpoint.tensors.items()}
            network.start_from(tensors, checkpoint.config)
        elif before:
            tensors = {name: values.detach().cpu() for name, values in before.state_dict().items()}
            network.start_from(tensors, before.config)
        vgg = self.run.vgg if self.plan.loss.vgg else None
        trainer = LevelTrainer(self.run.fabric, network, self.plan, Loss(self.plan.loss, vgg))
        if checkpoint:
            trainer.load_state(checkpoint.training)
        return trainer

    def _batches(self, done: int) -> Generator[Batch, None, None]:
        run, fabric = self.run, self.run.fabric
        settings = SampleSettings(
            level=self.plan.level,
            side=run.settings.crop,
            in_channels=run.config.in_channels,
            seed=run.settings.seed,
            augment=run.settings.augment,
        )
        stretch = Stretch(
            start=self._position + done * self.plan.batch,
            batches=self.plan.iterations - done,
            batch=self.plan.batch,
            micro_batch=run.compute.micro_batch,
            rank=fabric.global_rank,
            ranks=fabric.world_size,
        )
        on_gpu = fabric.device.type == "cuda"
        samples = Samples(run.source, settings)
        return micro_batches(samples, stretch, workers=run.compute.loaders, pin_memory=on_gpu)

    def _log(self, terms: dict[str, float], step: int) -> None:
        """Write means over the steps since the last line."""
        for name, value in terms.items():
            self._sums[name] += value
        if self.folder is None or (step % self.run.compute.log_every and step != self.plan.iterations):
            return
        steps, now = step - self._logged_step, time.monotonic()
        means = {name: value / steps for name, value in self._sums.items()}
        speed = steps * self.plan.batch / max(now - self._logged_at, 1e-9)
        where = {"level": self.plan.level, "step": step, "total": self._total + step}
        self.folder.log(where | means | {"samples_per_s": round(speed, 3)})
        self._logged_step, self._logged_at = step, now
        self._sums.clear()

    def _save(self, trainer: LevelTrainer, step: int, *, is_last: bool) -> None:
        if self.folder is None:
            return
        position = Position(level=self.plan.level, step=step, total=self._total + step)
        if is_last:
            path, source = (
                self.folder.level_weights(self.plan.level),
                f"ebb-train fit, level {self.plan.level}",
            )
            save_pynet(path, trainer.network, source=source)
        save_checkpoint(self.run.out, trainer.network, trainer.state(), position, self.folder.identity)


def _generator(seed: int, level: int) -> torch.Generator:
    """What the first weights of a level's new layers are drawn from."""
    entropy = np.random.SeedSequence(seed, spawn_key=(_FIRST_WEIGHTS, level))
    return torch.Generator().manual_seed(int(entropy.generate_state(1, np.uint32)[0]))


def _fabric(settings: FitSettings, compute: ComputeSettings) -> Fabric:
    """Devices and precision; with several devices this is where the other processes start."""
    fabric_class = optional.fabric().Fabric
    has_gpu = torch.cuda.is_available()
    device = ("cuda" if has_gpu else "cpu") if compute.device == "auto" else compute.device
    if device == "cuda" and (not has_gpu or torch.cuda.device_count() < compute.devices):
        raise MissingDependency(f"{torch.cuda.device_count()} GPUs are there", hint="--device cpu")
    if device == "cpu" and settings.precision == "fp16":
        raise UsageError("--precision fp16 needs a GPU", hint="fp32 or bf16")
    fabric: Fabric = fabric_class(
        accelerator=device,
        devices=compute.devices,
        num_nodes=compute.nodes,
        precision=_PRECISIONS[settings.precision],
    )
    fabric.launch()
    return fabric


def _claim(run: _Run) -> RunFolder | None:
    """Take the run folder; one rank does it, and all hear of it when that fails."""
    folder, trouble = None, None
    if run.fabric.is_global_zero:
        try:
            folder = RunFolder(run.out, run.identity)
        except EbbError as error:
            trouble = error
    trouble = run.fabric.broadcast(trouble)
    if trouble is not None:
        raise trouble
    return folder


def _check_batches(schedule: Schedule, ranks: int) -> None:
    for row in schedule.rows:
        if row.batch % ranks:
            raise UsageError(
                f"level {row.level}: a batch of {row.batch} does not divide among {ranks} devices"
            )
