"""Settings of the exports; the field comments are the help texts of the flags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from ebb.errors import UsageError
from ebb_train.models.pynet import LEVELS, SIZE_MULTIPLE, output_size

Precision: TypeAlias = Literal["fp32", "fp16", "dynamic-int8", "int8"]

STEP = 2 * SIZE_MULTIPLE
"""Height and width of the photo divide by this: the network's input is half of it."""

MAX_SIDE = 16384
"""More is a typing error."""


INPUT, OUTPUT = "photo", "picture"
"""Names of the tensors that go into a file and come out of it."""


class PhotoSize(NamedTuple):
    """Size of the photo a file is made for, and of the picture of level 1."""

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
    """Read a size as the paper writes it: height x width.

    Raises:
        UsageError: not two numbers, or not multiples of 64; the hint says the nearest that are.
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
    """HEIGHTxWIDTH of the photo, multiples of 64; the input has half of both. Several: one file for each."""
    level: int | None = None
    """Whose picture comes out, 1 (the photo's size) to 7 (1/64 of it); without it the checkpoint's last."""
    clip: bool = False
    """Cut the picture to [0, 1] inside the file; without it values reach a little beyond."""
    precision: Precision = "fp16"
    """Of the weights; fp16 for GPUs, dynamic-int8 for CPUs; int8: the arithmetic too, needs --calibration."""
    calibration: Path | None = None
    """Data set (shards or EBB! folder) with real photos: int8 is fitted to them, all are checked on them."""
    evaluation: Path | None = None
    """report.json of ebb-train evaluate: its figures go onto the model card."""

    def __post_init__(self) -> None:
        self.sizes()
        if self.level is not None and self.level not in LEVELS:
            raise UsageError(f"there is no level {self.level}", hint="levels go from 7 (smallest) to 1")
        if self.precision == "int8" and self.calibration is None:
            hint = "name a data set with --calibration, or take --precision dynamic-int8"
            raise UsageError("--precision int8 is fitted to photos, and there are none", hint=hint)

    def sizes(self) -> tuple[PhotoSize, ...]:
        """The sizes, each once.

        Raises:
            UsageError: there is none, or one of them is no good.
        """
        sizes = tuple(dict.fromkeys(parse_size(text) for text in self.size))
        if not sizes:
            raise UsageError("--size is empty", hint="HEIGHTxWIDTH of the photo, such as 1024x1536")
        return sizes


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """Which checks a file goes through.

    Examples:
        >>> ebb_train.CheckSettings(runs=0).verify_gpu
        False
    """

    runs: int = 5
    """Timed runs of each measurement of speed; 0: none."""
    threads: int = 0
    """The second measurement of speed uses so many, the first one; 0: all processor cores."""
    verify_gpu: bool = False
    """Compile the file for a GPU alone, by LiteRT's own accelerator; needs a Vulkan driver."""
    run: bool = False
    """With --verify-gpu: run it there too."""

    def __post_init__(self) -> None:
        if self.runs < 0 or self.threads < 0:
            raise UsageError("--runs and --threads are not negative")
        if self.run and not self.verify_gpu:
            raise UsageError("--run without --verify-gpu")


@dataclass(frozen=True, kw_only=True)
class DeviceSettings:
    """How a file is timed on a phone."""

    benchmark_model: Path = Path("benchmark_model")
    """Google's program of this name, built for the phone's processor."""
    serial: str = ""
    """Which phone, where several are attached: see adb devices."""
    runs: int = 10
    """Timed runs."""
    threads: int = 4
    """Of the CPU."""

    def __post_init__(self) -> None:
        if self.runs < 1 or self.threads < 1:
            raise UsageError("--runs and --threads are at least 1")
