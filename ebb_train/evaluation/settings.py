"""Settings of evaluation; the docstrings of the fields are the help texts of the flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ebb.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class ScoreSettings:
    """Scores to compute, and the pairs to compute them on.

    Examples:
        >>> ebb_train.ScoreSettings(protocol=("ebb", "pynet2020")).split
        'test'
    """

    split: Literal["train", "val", "test"] = "test"
    """Split whose pairs are scored."""
    protocol: tuple[str, ...] = ("ebb",)
    """Evaluation protocol: ebb, pynet2020, dmshn2021, ebokehnet2023 or torchmetrics2025; may be repeated."""
    skip_regions: bool = False
    """Omit the scores in focus, out of focus and on the boundary between them."""
    skip_artefacts: bool = False
    """Omit the search for artefacts."""
    lpips: Literal["alex", "vgg"] = "alex"
    """Network of LPIPS: AlexNet, as in most papers, or VGG-16."""
    cases: int = 4
    """Number of worst pairs, and of best pairs, shown on the page."""
    workers: int = 0
    """Number of scoring processes; 0: one per core."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of the networks; auto: a GPU if available."""

    def __post_init__(self) -> None:
        if self.cases < 0 or self.workers < 0:
            raise UsageError("--cases and --workers must be at least 0")
        if not self.protocol or len(set(self.protocol)) < len(self.protocol):
            raise UsageError(
                f"protocols: {', '.join(self.protocol) or 'none'}", hint="at least one, each once"
            )


@dataclass(frozen=True, kw_only=True)
class TimingSettings:
    """Measurement of latency and memory.

    Examples:
        >>> ebb_train.TimingSettings(repeats=0).threads
        0
    """

    repeats: int = 5
    """Number of timed renderings of the first photo, after one that is not timed; 0: no timing."""
    threads: int = 0
    """Number of threads of networks and of OpenCV during timing; 0: their defaults."""

    def __post_init__(self) -> None:
        if self.repeats < 0 or self.threads < 0:
            raise UsageError("--repeats and --threads must be at least 0")
