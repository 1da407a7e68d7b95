"""Interface of the models of a benchmark."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ebb.errors import InvalidInput
from ebb_train.data.sources import Photos

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb8, Size
    from ebb.progress import Progress
    from ebb_train.pixels import Floats

TrainPairs: TypeAlias = Callable[[], Sequence[Photos]]
"""Gives some pairs of the train split, or none; a model that has nothing to calibrate never calls it."""

ModelBuilder: TypeAlias = Callable[[TrainPairs, "Progress"], "Model"]
"""Makes a model ready to render; progress shows the calibration."""


class Cost(NamedTuple):
    """Size of a model and its work for one photo."""

    parameters: int
    """Learned or calibrated numbers."""
    multiply_adds: int | None
    """For one photo; None where it depends on what the photo shows."""


class Model(ABC):
    """Predicts the shallow photo from a wide photo and its depth map."""

    name: str
    """Name in tables."""
    needs_depth: bool

    @abstractmethod
    def render(self, wide: Rgb8, depth: Gray8 | None) -> Floats:
        """Render one photo.

        Args:
            wide: (H, W, 3), sRGB-encoded, 0…255.
            depth: (h, w) of any size, the same field of view: inverse depth, near is bright, 0…255.

        Returns:
            (H, W, 3), sRGB-encoded, clipped to [0, 1].

        Raises:
            InvalidInput: the model needs depth and there is none.
        """

    def render_pair(self, photos: Photos) -> Floats:
        """Render the wide photo of a pair; a model that looks for files named after the pair overrides it.

        Raises:
            InvalidInput: as :meth:`render`, or a file of the pair is missing.
        """
        return self.render(photos.wide, photos.depth)

    @abstractmethod
    def metadata(self) -> dict[str, Any]:
        """Everything the pictures depend on, as plain values: equal metadata give equal pictures."""

    @abstractmethod
    def cost(self, size: Size) -> Cost:
        """Parameters, and multiply-adds for a photo of this size."""


def require_depth(name: str, depth: Gray8 | None) -> Gray8:
    """Return the depth map, or raise if there is none.

    Raises:
        InvalidInput: it is not.
    """
    if depth is None:
        raise InvalidInput(f"{name} needs depth, and the pair has none", hint="make a map with: ebb depth")
    return depth
