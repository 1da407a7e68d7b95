"""Settings of training as frozen dataclasses, which define all defaults.

The docstrings of the fields are the help texts of the options.
"""

from __future__ import annotations

import dataclasses
import math
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from ebb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


def _check_crop(crop: int) -> None:
    if crop < 0 or crop % 64:
        raise UsageError(f"a crop of {crop} pixels", hint="a multiple of 64; 0: the height of the photos")


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Weights of the terms of the loss; terms with weight 0 are not computed."""

    l1: float = 1.0
    """Mean absolute difference."""
    ssim: float = 0.0
    """1 − structural similarity."""
    vgg: float = 0.0
    """Mean squared difference of VGG-19 features (relu5_4)."""
    l2: float = 0.0
    """Mean squared difference."""
    ms_ssim: float = 0.0
    """1 − multi-scale structural similarity."""
    gradient: float = 0.0
    """Mean absolute difference of Sobel gradients."""
    fft: float = 0.0
    """Mean absolute difference of Fourier transforms."""
    earlier: float = 0.0
    """Mean absolute difference of the earlier pictures, of networks with several, from the target."""

    def __post_init__(self) -> None:
        values = dataclasses.astuple(self)
        if not all(0 <= value < math.inf for value in values) or not any(values):
            raise UsageError(
                f"loss weights {values}", hint="all must be at least 0, and one of them positive"
            )


@dataclass(frozen=True, kw_only=True)
class Plan(ABC):
    """Training parameters of one stage: a row of a schedule. The stages of PyNET are its levels."""

    iterations: int
    """Number of optimizer steps."""
    batch: int
    """Number of samples per step, over all devices."""
    learning_rate: float = 5e-5
    """Learning rate of Adam; with decay, that of the first step."""
    decay: Literal["none", "cosine"] = "none"
    """cosine: the learning rate falls to 0 over the steps of the level, along half a cosine."""
    crop: int = 0
    """Side of the crops in pixels of the stored photos, a multiple of 64; 0: the height of the photos."""
    loss: LossWeights = LossWeights()
    adam: Literal["pytorch", "tensorflow", "adamw"] = "pytorch"
    """Variant of Adam: epsilon is added after (pytorch) or before (tensorflow, as in the PyNET authors' code)
    the bias correction of the second moment; adamw: with a decoupled weight decay of 0.01."""
    epsilon: float = 1e-8
    """Epsilon of Adam."""

    @property
    @abstractmethod
    def key(self) -> str:
        """Name in the file names of a run, such as ``level-7``."""

    @property
    def title(self) -> str:
        """Name in messages."""
        return title(self.key)

    def __post_init__(self) -> None:
        _check_crop(self.crop)
        rates = (self.learning_rate, self.epsilon)
        if self.iterations < 1 or self.batch < 1 or not all(0 < rate < math.inf for rate in rates):
            raise UsageError(
                f"{self.title}: {self.iterations} iterations, batch {self.batch}, "
                f"learning rate {self.learning_rate:g}, epsilon {self.epsilon:g}",
                hint="all must be positive",
            )


class ScheduledStage(NamedTuple):
    """A stage and its position in a schedule."""

    plan: Plan
    steps_before: int
    """Number of steps of all previous stages."""
    samples_before: int
    """Number of samples of all previous stages."""


@dataclass(frozen=True)
class Schedule:
    """Training parameters of all stages, in their order."""

    rows: tuple[Plan, ...]

    @property
    def steps(self) -> int:
        """Number of steps of all stages."""
        return sum(row.iterations for row in self.rows)

    def stages(self) -> list[ScheduledStage]:
        """The stages with their positions."""
        steps = accumulate((row.iterations for row in self.rows), initial=0)
        samples = accumulate((row.iterations * row.batch for row in self.rows), initial=0)
        return [ScheduledStage(*stage) for stage in zip(self.rows, steps, samples, strict=False)]

    def find(self, key: str) -> ScheduledStage:
        """The stage with this key."""
        return next(stage for stage in self.stages() if stage.plan.key == key)

    def with_vgg(self, weight: float | None) -> Self:
        """Schedule with another weight of the VGG term in all stages that have one; None: unchanged."""
        if weight is None:
            return self
        return self._with(
            dataclasses.replace(row, loss=dataclasses.replace(row.loss, vgg=weight)) if row.loss.vgg else row
            for row in self.rows
        )

    def with_crop(self, crop: int, default: int) -> Self:
        """Schedule with the given crop at every stage; 0: the schedule's crops, or ``default`` if 0."""
        return self._with(dataclasses.replace(row, crop=crop or row.crop or default) for row in self.rows)

    def _with(self, rows: Iterable[Plan]) -> Self:
        return dataclasses.replace(self, rows=tuple(rows))


@dataclass(frozen=True, kw_only=True)
class LevelPlan(Plan):
    """Training parameters of one level of PyNET."""

    level: int

    @property
    def key(self) -> str:
        """``level-7`` … ``level-1``."""
        return level_key(self.level)


def level_key(level: int) -> str:
    """Name of a level of PyNET in the file names of a run."""
    return f"level-{level}"


def title(key: str) -> str:
    """Name of a stage in messages: ``level 7`` of ``level-7``."""
    return key.replace("-", " ")


@dataclass(frozen=True)
class LevelSchedule(Schedule):
    """Training parameters of PyNET's levels, from 7 down to the last one."""

    rows: tuple[LevelPlan, ...]

    def __post_init__(self) -> None:
        levels = [row.level for row in self.rows]
        if not levels or levels != list(range(7, max(0, 7 - len(levels)), -1)):
            raise UsageError(f"a schedule of levels {levels}", hint="7, 6, 5, … down to the last, each once")

    def down_to(self, level: int) -> Self:
        """Schedule of levels 7 … ``level`` only.

        Raises:
            UsageError: the schedule ends above that level.
        """
        if level < self.rows[-1].level:
            last = self.rows[-1].level
            raise UsageError(f"the schedule ends at level {last}, not {level}", hint=f"--level {last}")
        return self._with(row for row in self.rows if row.level >= level)


PAPER_LOSS = LossWeights(l1=100.0)
"""Loss of levels 7 … 2: 100 · L1 (authors' code; L1 in the paper, section 3.2)."""

LAST_LOSS = LossWeights(l1=10.0, ssim=10.0, vgg=0.1)
"""Loss of level 1: 10 · L1 + 10 · (1 − SSIM) + 0.1 · VGG (authors' code; a tenth of it in the paper)."""

_PAPER = ((5_000, 50), (5_000, 50), (20_000, 40), (20_000, 14), (30_000, 9), (80_000, 9), (100_000, 5))
"""Iterations and batch size of levels 7 … 1 (authors' code, for a GPU of 16 GB)."""


def _preset(table: tuple[tuple[int, int], ...]) -> LevelSchedule:
    """Schedule of levels 7 … 1 with the authors' losses and variant of Adam.

    The scale of the loss is relevant: Adam's epsilon does not scale with the gradients, many of which are
    equally small with the paper's initial weights.
    """
    levels = zip(range(7, 0, -1), table, strict=True)
    return LevelSchedule(
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


def _thin(
    table: tuple[tuple[int, int, int, float, int], ...],
    ssim: float,
    decay: Literal["none", "cosine"] = "none",
) -> LevelSchedule:
    """Schedule of level, iterations, batch, learning rate and crop: L1, at level 1 with SSIM."""
    rows = []
    for level, steps, batch, rate, crop in table:
        plan = LevelPlan(level=level, iterations=steps, batch=batch, learning_rate=rate, crop=crop)
        loss = LossWeights(ssim=ssim if level == 1 else 0.0)
        rows.append(dataclasses.replace(plan, decay=decay, loss=loss))
    return LevelSchedule(tuple(rows))


_SMOKE = (
    (7, 150, 4, 2e-3, 256), (6, 150, 4, 2e-3, 256), (5, 150, 4, 2e-3, 256), (4, 200, 2, 2e-3, 256),
    (3, 700, 2, 2e-3, 256), (2, 150, 2, 1e-3, 256), (1, 700, 2, 1e-3, 256),
)  # fmt: skip
"""With these a network of width 1/8 overfits three photos of 256 pixels height (``pipelines/overfit.py``).
Training diverges at a learning rate of 3e-3."""

_CPU = (
    (7, 1_000, 2, 2e-3, 512),
    (6, 1_000, 2, 2e-3, 512),
    (5, 2_000, 2, 2e-3, 512),
    (4, 3_000, 1, 2e-3, 512),
    (3, 24_000, 1, 7e-4, 384),
    (2, 4_000, 1, 4e-4, 384),
    (1, 14_000, 1, 4e-4, 384),
)
"""Under four core-hours at width 1/8. Levels 7 to 4 see crops of 512 pixels, the height of the photos it is
for: what is in focus is told by the scene as a whole. Most time goes to levels 3 and 1."""

SCHEDULES: dict[str, LevelSchedule] = {
    "paper": _preset(_PAPER),
    "short": _preset(tuple((iterations // 10, batch) for iterations, batch in _PAPER)),
    "smoke": _thin(_SMOKE, ssim=1.0),
    "cpu": _thin(_CPU, ssim=0.2, decay="cosine"),
}
"""paper: the authors' iterations, losses and variant of Adam. short: a tenth of the iterations. smoke: a test
of some minutes on a CPU with a narrow network; its loss is L1, at level 1 L1 + (1 − SSIM), without factors
and VGG term, so that no weights are needed, and it uses PyTorch's Adam with higher learning rates. cpu: for
thin networks (--width 0.125) and photos of 512 pixels height, some hours on one core of a CPU."""


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """Settings that determine the result of a run; they cannot be changed within a run folder.

    Examples:
        >>> ebb_train.FitSettings(schedule="smoke").precision
        'fp32'
    """

    schedule: str = "paper"
    """paper (ours, where none is published), short (a tenth of it), smoke, cpu (PyNET), or a TOML file with
    a [[level]] table per level of PyNET, or a [[stage]] table per stage of another network."""
    seed: int = 0
    """Seed of the initial weights, the order of the pairs, and the augmentation."""
    augment: Literal["paper", "flips", "none"] = "paper"
    """paper: rotations by multiples of 90° and flips. flips: horizontal flips. none: random crops only."""
    crop: int = 0
    """Side of the training crops in pixels of the stored photos, a multiple of 64; 0: from the schedule, or
    the height of the photos."""
    weight_init: Literal["auto", "paper", "fan_in", "identity"] = "auto"
    """Standard deviation of the initial weights. paper: 0.01. fan_in: from the number of inputs of each
    layer, which narrow networks need. identity: as fan_in, and the pictures of levels 3 to 1 start as the
    photo. auto: paper if --width is at least 1, otherwise fan_in, or identity with --schedule cpu. For
    networks other than PyNET: auto."""
    ema: float = 0.0
    """Decay of an average of the weights over the steps, e.g. 0.999; it is validated and saved; 0: none."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Precision of the network; with bf16 and fp16, weights, losses and updates remain in 32 bits."""
    vgg_weight: float | None = None
    """Weight of the VGG term instead of the schedule's; 0: no VGG term, which needs no VGG-19 weights."""
    vgg_input: Literal["imagenet", "caffe"] = "imagenet"
    """Input normalisation of the VGG-19 weights: imagenet (the PyTorch file) or caffe (0…255 - mean)."""

    def __post_init__(self) -> None:
        _check_crop(self.crop)
        if self.seed < 0 or not 0 <= self.ema < 1:
            raise UsageError(
                f"--seed {self.seed} --ema {self.ema:g}",
                hint="the seed must be at least 0, the decay at least 0 and below 1",
            )

    def weight_init_of(self, width: float) -> Literal["paper", "fan_in", "identity"]:
        """Weight initialisation of a network of the given width."""
        if self.weight_init == "auto":
            below_1: Literal["identity", "fan_in"] = "identity" if self.schedule == "cpu" else "fan_in"
            return "paper" if width >= 1 else below_1
        return self.weight_init


THIN = 0.25
"""Width up to which steps on a CPU are faster with channels-last maps."""


@dataclass(frozen=True, kw_only=True)
class ComputeSettings:
    """Settings of the computation; they may be changed when a run is resumed.

    Examples:
        >>> ebb_train.ComputeSettings(loaders=0).num_loaders
        0
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device; auto: a GPU if available."""
    devices: int = 1
    """Number of devices per machine, which share each batch; set by torchrun if it is used."""
    nodes: int = 1
    """Number of machines; set by torchrun if it is used."""
    micro_batch: int = 0
    """Limit of samples per device and pass; gradients of larger batches are accumulated; 0: no limit."""
    loaders: int | None = None
    """Number of data loading processes per device; 0: loading in the main process. By default the number of
    cores per device, at most 8."""
    threads: int = 0
    """Threads of PyTorch; 0: on a CPU, the number that a short measurement at the start of each level finds
    fastest. A resumed run keeps its numbers."""
    checkpoint_every: int = 500
    """Number of steps between checkpoints."""
    channels_last: bool | None = None
    """Use the channels-last memory format: faster on GPUs with bf16 or fp16, and for thin networks on a CPU.
    By default on a CPU if --width is at most 0.25."""
    compile: bool = False
    """Compile the network with torch.compile, which takes minutes at the start of each level, and seconds if
    it was compiled before. For GPUs; on CPUs steps are hardly faster, and slower at level 1."""
    vgg_weights: Path | None = None
    """VGG-19 weights file; by default the downloaded file."""

    def __post_init__(self) -> None:
        if min(self.devices, self.nodes, self.checkpoint_every) < 1:
            raise UsageError("--devices, --nodes and --checkpoint-every must be at least 1")
        if min(self.micro_batch, self.loaders or 0, self.threads) < 0:
            raise UsageError("--micro-batch, --loaders and --threads must be at least 0")

    def is_channels_last(self, device: str, width: float) -> bool:
        """Whether maps of a network of this width are channels-last on a device of this type."""
        is_thin = device == "cpu" and width <= THIN
        return is_thin if self.channels_last is None else self.channels_last

    @property
    def num_loaders(self) -> int:
        """Number of data loading processes per device."""
        if self.loaders is not None:
            return self.loaders
        return min(max(1, len(os.sched_getaffinity(0)) // self.devices), 8)


@dataclass(frozen=True, kw_only=True)
class MonitorSettings:
    """Settings of logging and validation; they do not affect the weights.

    Examples:
        >>> ebb_train.MonitorSettings(validate_pairs=8).protocol
        'ebb'
    """

    log_every: int = 10
    """Number of steps between lines of the log."""
    validate_every: int = 1000
    """Number of steps between validations on full images; each level also ends with a validation."""
    validate_on: Literal["val", "test", "train"] = "val"
    """Split used for validation."""
    validate_pairs: int = 50
    """Largest number of pairs used for validation, evenly spaced; 0: all."""
    protocol: str = "ebb"
    """Metric protocol of the validation."""

    def __post_init__(self) -> None:
        if min(self.log_every, self.validate_every) < 1 or self.validate_pairs < 0:
            raise UsageError(
                "--log-every and --validate-every must be at least 1, --validate-pairs at least 0"
            )
