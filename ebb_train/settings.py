"""Settings of training: frozen dataclasses, the only place where a default is written.

The field comments are the help texts of the flags.
"""

from __future__ import annotations

import dataclasses
import math
import os
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Literal, NamedTuple

from ebb.documents import read_toml
from ebb.errors import UsageError
from ebb.settings import from_values


def _check_crop(crop: int) -> None:
    if crop < 0 or crop % 64:
        raise UsageError(f"a crop of {crop} pixels", hint="a multiple of 64; 0: the height of the photos")


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """How much each term of the loss counts; 0: the term is not computed."""

    l1: float = 1.0
    """Mean absolute difference."""
    ssim: float = 0.0
    """1 − structural similarity."""
    vgg: float = 0.0
    """Mean squared difference of VGG-19 features (relu5_4)."""

    def __post_init__(self) -> None:
        values = dataclasses.astuple(self)
        if not all(0 <= value < math.inf for value in values) or not any(values):
            raise UsageError(f"loss weights {values}", hint="all at least 0, one of them above")


@dataclass(frozen=True, kw_only=True)
class LevelPlan:
    """One row of a schedule: how one level is trained."""

    level: int
    iterations: int
    """Optimizer steps."""
    batch: int
    """Samples of a step, over all devices."""
    learning_rate: float = 5e-5
    """Of Adam."""
    crop: int = 0
    """Side of the crops in pixels of the stored photos; a multiple of 64; 0: the photos' height."""
    loss: LossWeights = LossWeights()
    adam: Literal["pytorch", "tensorflow"] = "pytorch"
    """Where Adam adds epsilon: after the correction of the second moment, or before, as the authors' does."""
    epsilon: float = 1e-8
    """Of Adam."""

    def __post_init__(self) -> None:
        _check_crop(self.crop)
        rates = (self.learning_rate, self.epsilon)
        if self.iterations < 1 or self.batch < 1 or not all(0 < rate < math.inf for rate in rates):
            raise UsageError(
                f"level {self.level}: {self.iterations} iterations, batch {self.batch}, "
                f"learning rate {self.learning_rate:g}, epsilon {self.epsilon:g}",
                hint="all of them are above 0",
            )


class ScheduledLevel(NamedTuple):
    """A level, and where it is in a schedule."""

    plan: LevelPlan
    steps_before: int
    """Steps of all levels before."""
    samples_before: int
    """Samples of all levels before."""


@dataclass(frozen=True)
class Schedule:
    """A row for each level, from 7 down to the last one that is trained."""

    rows: tuple[LevelPlan, ...]

    def __post_init__(self) -> None:
        levels = [row.level for row in self.rows]
        if not levels or levels != list(range(7, 7 - len(levels), -1)) or levels[-1] < 1:
            raise UsageError(f"a schedule of levels {levels}", hint="7, 6, 5, … down to the last, each once")

    @property
    def steps(self) -> int:
        """Of all levels."""
        return sum(row.iterations for row in self.rows)

    def levels(self) -> list[ScheduledLevel]:
        """The rows, each with what comes before it."""
        steps = accumulate((row.iterations for row in self.rows), initial=0)
        samples = accumulate((row.iterations * row.batch for row in self.rows), initial=0)
        return [ScheduledLevel(*level) for level in zip(self.rows, steps, samples, strict=False)]

    def down_to(self, level: int) -> Schedule:
        """The part of the schedule that trains levels 7 … ``level``.

        Raises:
            UsageError: it ends before.
        """
        if level < self.rows[-1].level:
            last = self.rows[-1].level
            raise UsageError(f"the schedule ends at level {last}, not {level}", hint=f"--level {last}")
        return Schedule(tuple(row for row in self.rows if row.level >= level))

    def with_vgg(self, weight: float | None) -> Schedule:
        """The schedule with another weight of the VGG term wherever it has one; None: as it is."""
        if weight is None:
            return self
        return Schedule(
            tuple(
                dataclasses.replace(row, loss=dataclasses.replace(row.loss, vgg=weight))
                if row.loss.vgg
                else row
                for row in self.rows
            )
        )

    def with_crop(self, crop: int, default: int) -> Schedule:
        """The schedule with this crop at every level; 0: its own, and ``default`` where it has none."""
        return Schedule(
            tuple(dataclasses.replace(row, crop=crop or row.crop or default) for row in self.rows)
        )


PAPER_LOSS = LossWeights(l1=100.0)
"""Of levels 7 … 2: 100 · L1 (the authors' code; the paper, section 3.2, has L1)."""

LAST_LOSS = LossWeights(l1=10.0, ssim=10.0, vgg=0.1)
"""Of level 1: 10 · L1 + 10 · (1 − SSIM) + 0.1 · VGG (the authors' code; the paper has a tenth of it)."""

_PAPER = ((5_000, 50), (5_000, 50), (20_000, 40), (20_000, 14), (30_000, 9), (80_000, 9), (100_000, 5))
"""Iterations and batch of levels 7 … 1: the authors' code, for a GPU of 16 GB."""


def _preset(table: tuple[tuple[int, int], ...]) -> Schedule:
    """The authors' losses and Adam with these iterations and batches, for levels 7 … 1.

    The factors of a loss matter: Adam's epsilon does not grow with the gradient, and with the paper's first
    weights many gradients are as small.
    """
    levels = zip(range(7, 0, -1), table, strict=True)
    return Schedule(
        tuple(
            LevelPlan(
                level=level,
                iterations=iterations,
                batch=batch,
                loss=LAST_LOSS if level == 1 else PAPER_LOSS,
                adam="tensorflow",
            )
            for level, (iterations, batch) in levels
        )
    )


_SMOKE = (
    (7, 150, 4, 2e-3),
    (6, 150, 4, 2e-3),
    (5, 150, 4, 2e-3),
    (4, 200, 2, 2e-3),
    (3, 700, 2, 2e-3),
    (2, 150, 2, 1e-3),
    (1, 700, 2, 1e-3),
)
"""Level, iterations, batch, learning rate: what a network of width 1/8 needs to learn three photos of 256
pixels height by heart (``pipelines/overfit.py``). A learning rate of 3e-3 breaks it."""

SCHEDULES: dict[str, Schedule] = {
    "paper": _preset(_PAPER),
    "short": _preset(tuple((iterations // 10, batch) for iterations, batch in _PAPER)),
    "smoke": Schedule(
        tuple(
            LevelPlan(
                level=level,
                iterations=iterations,
                batch=batch,
                learning_rate=learning_rate,
                crop=256,
                loss=LossWeights(l1=1.0, ssim=1.0) if level == 1 else LossWeights(),
            )
            for level, iterations, batch, learning_rate in _SMOKE
        )
    ),
}
"""paper: the authors' table, losses and Adam. short: a tenth of its iterations. smoke: minutes on a CPU with
a thin network, to see that everything works. That is another optimization: L1, at level 1 L1 + (1 − SSIM),
without factors and without the VGG term, so that no weights are needed, and PyTorch's Adam at higher learning
rates."""


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """What a run computes; a run folder belongs to one choice of these.

    Examples:
        >>> ebb_train.FitSettings(schedule="smoke").precision
        'fp32'
    """

    schedule: str = "paper"
    """paper, short, smoke, or a TOML file with one [[level]] table for each level."""
    seed: int = 0
    """Of the initial weights, the order of the pairs, the crops and rotations."""
    augment: Literal["paper", "flips", "none"] = "paper"
    """paper: four right-angle turns and a flip. flips: left to right only. none: random crops only."""
    crop: int = 0
    """Side of the training crops in pixels of the stored photos; a multiple of 64; 0: as the schedule says,
    else the height of the photos."""
    weight_init: Literal["auto", "paper", "fan_in"] = "auto"
    """Standard deviation of the initial weights. paper: 0.01 everywhere. fan_in: by the number of inputs of
    each layer, so that the signal reaches the end of a thin network. auto: paper from --width 1 on, fan_in
    below."""
    ema: float = 0.0
    """Decay of a moving average of the weights, such as 0.999; it is what is validated and saved; 0: none."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Of the network; bf16 and fp16 are mixed: weights, losses and updates stay in 32 bits."""
    vgg_weight: float | None = None
    """Weight of the VGG term instead of the schedule's; 0: none, and no VGG-19 weights are needed."""
    vgg_input: Literal["imagenet", "caffe"] = "imagenet"
    """What the VGG-19 weights were trained on: imagenet (the public PyTorch file) or caffe (0…255 - mean)."""

    def __post_init__(self) -> None:
        _check_crop(self.crop)
        if self.seed < 0 or not 0 <= self.ema < 1:
            raise UsageError(
                f"--seed {self.seed} --ema {self.ema:g}", hint="a seed from 0 on; a decay from 0 to below 1"
            )

    def weight_init_of(self, width: float) -> Literal["paper", "fan_in"]:
        """The weight initialisation of a network of this width."""
        if self.weight_init == "auto":
            return "paper" if width >= 1 else "fan_in"
        return self.weight_init


@dataclass(frozen=True, kw_only=True)
class ComputeSettings:
    """How a run is carried out; a run may go on with others.

    Examples:
        >>> ebb_train.ComputeSettings(loaders=0).num_loaders
        0
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto: on a GPU if there is one."""
    devices: int = 1
    """How many of them; each takes its share of every batch. torchrun, where it is used, says it itself."""
    nodes: int = 1
    """How many machines; as well."""
    micro_batch: int = 0
    """Most samples on a device at a time; a larger batch is added up from several passes; 0: all."""
    loaders: int | None = None
    """Processes that read and prepare samples, for each device; 0: none, done in between. Without it as many
    as there are cores for each device, but at most 8."""
    threads: int = 0
    """Threads of PyTorch; 0: on a CPU, the number that a short measurement at the start of each level finds
    fastest. Thin networks and busy machines are faster with one. A run that resumes keeps its numbers."""
    checkpoint_every: int = 500
    """Steps from one checkpoint to the next."""
    channels_last: bool = False
    """Keep maps with the channels innermost: faster on GPUs with bf16 or fp16, slower on most processors."""
    compile: bool = False
    """Compile the network with torch.compile: minutes at the start of every level, seconds when they are
    compiled again. For GPUs; on a processor the steps are hardly faster, those of level 1 slower."""
    vgg_weights: Path | None = None
    """VGG-19 weights file; without it the one that was downloaded."""

    def __post_init__(self) -> None:
        if min(self.devices, self.nodes, self.checkpoint_every) < 1:
            raise UsageError("--devices, --nodes and --checkpoint-every are at least 1")
        if min(self.micro_batch, self.loaders or 0, self.threads) < 0:
            raise UsageError("--micro-batch, --loaders and --threads are not negative")

    @property
    def num_loaders(self) -> int:
        """Processes that prepare samples for one device."""
        if self.loaders is not None:
            return self.loaders
        return min(max(1, len(os.sched_getaffinity(0)) // self.devices), 8)


@dataclass(frozen=True, kw_only=True)
class MonitorSettings:
    """What a run logs and validates on the way; nothing of it changes the weights.

    Examples:
        >>> ebb_train.MonitorSettings(validate_pairs=8).protocol
        'ebb'
    """

    log_every: int = 10
    """Steps from one line of the log to the next."""
    validate_every: int = 1000
    """Steps from one validation on full images to the next; there is one at the end of each level too."""
    validate_on: Literal["val", "test", "train"] = "val"
    """Split of the pairs to validate on."""
    validate_pairs: int = 50
    """Most pairs to validate on, evenly chosen; 0: all."""
    protocol: str = "ebb"
    """How validation scores a picture: a named protocol."""

    def __post_init__(self) -> None:
        if min(self.log_every, self.validate_every) < 1 or self.validate_pairs < 0:
            raise UsageError(
                "--log-every and --validate-every are at least 1, --validate-pairs is not negative"
            )


def read_schedule(name: str) -> Schedule:
    """Find a schedule by name, or read it from a TOML file with one ``[[level]]`` table a level.

    A table holds ``level``, ``iterations``, ``batch``, and if wanted ``learning_rate``, ``crop``, ``adam``,
    ``epsilon`` and ``loss = { l1 = 10.0, ssim = 10.0, vgg = 0.1 }``.

    Raises:
        UsageError: no such name or file, or the file holds something else.
    """
    if name in SCHEDULES:
        return SCHEDULES[name]
    path = Path(name)
    if path.suffix != ".toml":
        raise UsageError(f"no schedule {name!r}", hint=f"one of: {', '.join(SCHEDULES)}, or a .toml file")
    values = read_toml(path, "the schedule")
    if set(values) != {"level"} or not isinstance(values["level"], list):
        raise UsageError("a schedule holds [[level]] tables and nothing else", path=path)
    try:
        return Schedule(tuple(_plan(row) for row in values["level"]))
    except UsageError as error:
        raise UsageError(error.message, path=path, hint=error.hint) from error


def _plan(row: object) -> LevelPlan:
    known = [field.name for field in dataclasses.fields(LevelPlan)]
    if not isinstance(row, dict):
        raise UsageError(f"{row!r} is not a [[level]] table")
    required = {"level", "iterations", "batch"}
    if odd := sorted((set(row) - set(known)) | (required - set(row))):
        raise UsageError(
            f"{'missing' if odd[0] in required else 'unknown'} key {odd[0]!r} in [[level]]",
            hint=f"known: {', '.join(known)}",
        )
    plain = {name: value for name, value in row.items() if name != "loss"}
    return from_values(LevelPlan, plain | {"loss": _loss(row.get("loss", {}))})


def _loss(values: object) -> LossWeights:
    known = [field.name for field in dataclasses.fields(LossWeights)]
    if not isinstance(values, dict) or not set(values) <= set(known):
        raise UsageError(f"loss = {values!r}", hint=f"known: {', '.join(known)}")
    return from_values(LossWeights, values)
