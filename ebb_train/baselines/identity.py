"""The wide photo unchanged: the lower bound for every model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebb_train.baselines.model import Cost, Model
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb8, Size
    from ebb.progress import Progress
    from ebb_train.baselines.model import TrainPairs
    from ebb_train.pixels import Floats


class Identity(Model):
    """Returns the wide photo."""

    name = "identity"
    needs_depth = False

    def render(self, wide: Rgb8, depth: Gray8 | None) -> Floats:  # noqa: ARG002 - the signature of a model
        """The wide photo in [0, 1]."""
        return to_unit(wide)

    def metadata(self) -> dict[str, Any]:
        """The name of the model."""
        return {"model": self.name}

    def cost(self, size: Size) -> Cost:  # noqa: ARG002 - as above
        """No parameters, no arithmetic."""
        return Cost(parameters=0, multiply_adds=0)


def build(train: TrainPairs, progress: Progress) -> Identity:  # noqa: ARG001 - the signature of a builder
    """Make the model; it needs no calibration."""
    return Identity()
