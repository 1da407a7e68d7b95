"""Settings of evaluation; the field comments are the help texts of the flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ebb.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class ScoreSettings:
    """Which scores are computed, and on which pairs.

    Examples:
        >>> ebb_train.ScoreSettings(protocol=("ebb", "pynet2020")).split
        'test'
    """

    split: Literal["train", "val", "test"] = "test"
    """Which pairs."""
    protocol: tuple[str, ...] = ("ebb",)
    """How to score: ebb, pynet2020, dmshn2021, ebokehnet2023, torchmetrics2025. Give it again for more."""
    skip_regions: bool = False
    """Leave out the scores in focus, out of focus and on the boundary between."""
    lpips: Literal["alex", "vgg"] = "alex"
    """Network of LPIPS: AlexNet, as most papers have it, or VGG-16."""
    cases: int = 4
    """Pairs shown on the page, as many of the worst as of the best."""
    workers: int = 0
    """Processes that score; 0: one a core."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks run; auto: on a GPU if there is one."""

    def __post_init__(self) -> None:
        if self.cases < 0 or self.workers < 0:
            raise UsageError("--cases and --workers are not negative")
        if not self.protocol or len(set(self.protocol)) < len(self.protocol):
            raise UsageError(
                f"protocols: {', '.join(self.protocol) or 'none'}", hint="at least one, each once"
            )


@dataclass(frozen=True, kw_only=True)
class TimingSettings:
    """How latency and memory are measured.

    Examples:
        >>> ebb_train.TimingSettings(repeats=0).threads
        0
    """

    repeats: int = 5
    """Timed renderings of the first photo, after one that is not timed; 0: no timings."""
    threads: int = 0
    """Threads of networks and of OpenCV while timing; 0: what they choose."""

    def __post_init__(self) -> None:
        if self.repeats < 0 or self.threads < 0:
            raise UsageError("--repeats and --threads are not negative")
