"""Settings of ``ebb-train render``; the field comments are the help texts of the flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ebb.errors import UsageError
from ebb.settings import IngestSettings, RunSettings

SMALLEST_HEIGHT = 64


@dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """Size and format of the pictures."""

    height: int = 1024
    """Height at which the network sees the photo, as in its training; a lower photo keeps its own."""
    full_resolution: bool = False
    """Give the picture the photo's own size: what is in focus keeps the photo's detail."""
    fast: bool = False
    """On a CPU, take about a third less time. Sums are rounded otherwise: by 9e-5 of the range with the
    weights of the reference run, which is no bound for others."""
    compare: bool = False
    """Also write the photo and the picture side by side."""
    format: Literal["jpg", "png"] = "jpg"
    """Of the files that are written, 8 bits a channel."""
    overwrite: bool = False
    """Make pictures anew that are already there."""
    max_megapixels: float = IngestSettings().max_megapixels
    """Refuse photos of more pixels than this, in millions."""
    item_timeout: float = RunSettings().item_timeout
    """Seconds of processor time, on each core, for opening one photo; five times as many by the clock."""

    def __post_init__(self) -> None:
        if self.height < SMALLEST_HEIGHT:
            raise UsageError(f"--height {self.height}", hint=f"at least {SMALLEST_HEIGHT}")
        if self.max_megapixels <= 0:
            raise UsageError(f"--max-megapixels {self.max_megapixels:g}", hint="above 0")
        if self.item_timeout <= 0:
            raise UsageError(f"--item-timeout {self.item_timeout:g}", hint="above 0")
