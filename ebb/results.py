"""What the stages of a pair keep of it in ``state.sqlite``, beside the files that they write."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - fields keep their types at run time, for ebb.codec
from dataclasses import dataclass, field

from ebb.arrays import Rect, Size  # noqa: TC001
from ebb.state import Stage


@dataclass(frozen=True, kw_only=True)
class AlignedPair:
    """How the stored photos of a pair were made; imported pairs came aligned, and nothing was measured."""

    size: Size
    """Of the stored photos."""
    crop: Rect
    """The common crop, in pixels of the full-size wide photo."""
    H_shallow_to_wide: tuple[float, ...] | None = None
    """9 numbers, row by row, between the full-size photos."""
    motion_model: str = ""
    measurements: Mapping[str, float] = field(default_factory=dict)
    """Name → value; what could not be measured is left out."""
    defocus_map: tuple[float | None, ...] | None = None
    """Blur of the shallow photo in the 4 x 4 parts of the frame, row by row."""
    perceptual_hash: str = ""
    """Of the wide photo."""


@dataclass(frozen=True, kw_only=True)
class DepthMap:
    """How the depth map of a pair was made."""

    provider: str
    recipe: str
    """Short name of the provider and its settings; see :func:`ebb.runner.keys.depth_recipe`."""
    depth_min: float | None = None
    """Range of the map in half precision, if one was kept."""
    depth_max: float | None = None


ALIGN = Stage("align", AlignedPair)
DEPTH = Stage("depth", DepthMap)
IMPORT = "import"
"""What takes the place of both stages for an imported pair."""
