"""Settings of ``ebb-train render``; the docstrings of the fields are the help texts of the flags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import Literal

from ebb.errors import UsageError
from ebb.settings import DepthSettings, DepthSourceSettings, IngestSettings, RunSettings
from ebb.settings_checks import countable, positive

SMALLEST_HEIGHT = 64
SEARCH = "auto"
"""The provider :data:`ebb.depth_search.AUTO`, without importing what it needs."""


@dataclass(frozen=True, kw_only=True)
class FoundDepthSettings(DepthSourceSettings):
    """Where depth comes from; by default it is searched for."""

    provider: str = SEARCH
    """auto: a file PHOTO_depth.png (tif, npy, npz) beside the photo, else a map inside its JPEG or HEIC file,
    else a network that is there: depth-anything, megadepth; with --checkpoint megadepth alone. Or one of
    sidecar, embedded, depth-anything, megadepth, onnx, transformers, none, or the name of a plug-in."""

    def of(self, checkpoint: Path | None) -> DepthSettings:
        """The same for the code that makes data sets; a checkpoint is given depth by MegaDepth."""
        values = dict(vars(self))
        if checkpoint is not None and self.provider == SEARCH:
            values["provider"] = DepthSettings().provider
        return DepthSettings(**values)


@dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """Size and format of the pictures."""

    height: int = 1024
    """Height at which pictures are rendered; lower photos keep their height. With --checkpoint, the height to
    which the photo is scaled for the network, as in training."""
    full_resolution: bool = False
    """Render at the photo's own size; the area in focus keeps the photo's detail."""
    fast: bool = False
    """With --checkpoint, on a CPU: reduce the time by about a third. The rounding differs, by 9e-5 of the
    range with the weights of the reference run; this is not a bound for other weights."""
    compare: bool = False
    """Also write the photo and the picture side by side."""
    format: Literal["jpg", "png"] = "jpg"
    """Format of the pictures, with 8 bits per channel."""
    overwrite: bool = False
    """Replace existing pictures."""
    max_megapixels: float = IngestSettings().max_megapixels
    """Largest accepted size of a photo, in megapixels."""
    item_timeout: float = RunSettings().item_timeout
    """Processor time for opening one photo, on each core, in seconds; the elapsed time is limited to five
    times as long."""

    def __post_init__(self) -> None:
        if self.height < SMALLEST_HEIGHT:
            raise UsageError(f"--height {self.height}", hint=f"at least {SMALLEST_HEIGHT}")
        positive(self, "max_megapixels", "item_timeout")
        countable(self, "max_megapixels", "item_timeout")
