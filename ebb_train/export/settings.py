"""Settings of the exports; the docstrings of the fields are the help texts of the flags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from ebb.errors import UsageError
from ebb_train.models.pynet import LEVELS, SIZE_MULTIPLE, output_size

Precision: TypeAlias = Literal["fp32", "fp16", "dynamic-int8", "int8"]

STEP = 2 * SIZE_MULTIPLE
"""Height and width of the photo are multiples of this; the network's input has half of both."""

MAX_SIDE = 16384
"""Largest height and width; more is assumed to be a typing error."""


INPUT, OUTPUT = "photo", "picture"
"""Names of the input and output tensors of a file."""


class PhotoSize(NamedTuple):
    """Size of the photo that a file is made for, and of the picture of level 1."""

    height: int
    width: int

    @property
    def input(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return self.height // 2, self.width // 2

    def picture(self, level: int) -> tuple[int, int]:
        """Height and width of the picture of a level."""
        return output_size(level, *self.input)

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"


def parse_size(text: str) -> PhotoSize:
    """Parse a size in the order of the paper: height x width.

    Raises:
        UsageError: not two numbers, or not multiples of 64; the hint contains the nearest valid sizes.
    """
    found = re.fullmatch(r"(\d{1,6})[x×](\d{1,6})", text.strip())
    if not found:
        raise UsageError(f"--size {text}", hint="HEIGHTxWIDTH of the photo, such as 1024x1536")
    size = PhotoSize(int(found[1]), int(found[2]))
    if any(length % STEP or not 0 < length <= MAX_SIDE for length in size):
        choices = sorted({str(PhotoSize(h, w)) for h in _nearest(size.height) for w in _nearest(size.width)})
        message = f"--size {text}: height and width must be multiples of {STEP}"
        raise UsageError(message, hint=f"nearest: {', '.join(choices)}")
    return size


def _nearest(length: int) -> set[int]:
    """The multiples below and above; the length itself if it is a multiple."""
    below = length // STEP * STEP
    return {min(MAX_SIDE, max(STEP, near)) for near in (below, below + STEP * (length != below))}


@dataclass(frozen=True, kw_only=True)
class TfliteSettings:
    """Settings of a TFLite file.

    Examples:
        >>> ebb_train.TfliteSettings(size=("512x768",)).precision
        'fp16'
    """

    size: tuple[str, ...] = ("1024x1536",)
    """HEIGHTxWIDTH of the photo, multiples of 64; the input has half of both. Each size gives one file."""
    level: int | None = None
    """Level whose picture is the output, 1 (the photo's size) to 7 (1/64 of it); by default the checkpoint's
    last."""
    clip: bool = False
    """Clip the picture to [0, 1] inside the file; otherwise values may lie slightly outside."""
    precision: Precision = "fp16"
    """Precision of the weights: fp16 for GPUs, dynamic-int8 for CPUs; int8 also applies to the arithmetic and
    requires --calibration."""
    calibration: Path | None = None
    """Data set (shards or EBB! folder) whose photos calibrate int8 and check every file."""
    evaluation: Path | None = None
    """report.json of ebb-train evaluate, whose scores are added to the model card."""

    def __post_init__(self) -> None:
        self.sizes()
        if self.level is not None and self.level not in LEVELS:
            raise UsageError(f"there is no level {self.level}", hint="levels go from 7 (smallest) to 1")
        if self.precision == "int8" and self.calibration is None:
            hint = "give a data set with --calibration, or use --precision dynamic-int8"
            raise UsageError("--precision int8 requires photos for calibration", hint=hint)

    def sizes(self) -> tuple[PhotoSize, ...]:
        """The sizes, each once.

        Raises:
            UsageError: there is no size, or an invalid one.
        """
        sizes = tuple(dict.fromkeys(parse_size(text) for text in self.size))
        if not sizes:
            raise UsageError("--size is empty", hint="HEIGHTxWIDTH of the photo, such as 1024x1536")
        return sizes


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """Checks of an exported file.

    Examples:
        >>> ebb_train.CheckSettings(runs=0).verify_gpu
        False
    """

    runs: int = 5
    """Timed runs per measurement of speed; 0: no measurement."""
    threads: int = 0
    """Number of threads of the second measurement of speed; the first uses one. 0: all processor cores."""
    verify_gpu: bool = False
    """Compile the file for a GPU only, with LiteRT's accelerator; requires a Vulkan driver."""
    run: bool = False
    """With --verify-gpu: also run the file on the GPU."""

    def __post_init__(self) -> None:
        if self.runs < 0 or self.threads < 0:
            raise UsageError("--runs and --threads must be at least 0")
        if self.run and not self.verify_gpu:
            raise UsageError("--run without --verify-gpu")


@dataclass(frozen=True, kw_only=True)
class DeviceSettings:
    """Measurement of a file on a phone."""

    benchmark_model: Path = Path("benchmark_model")
    """Path of Google's program benchmark_model, built for the phone's processor."""
    serial: str = ""
    """Serial number of the phone, if several are connected: see adb devices."""
    runs: int = 10
    """Number of timed runs."""
    threads: int = 4
    """Number of CPU threads."""

    def __post_init__(self) -> None:
        if self.runs < 1 or self.threads < 1:
            raise UsageError("--runs and --threads must be at least 1")
