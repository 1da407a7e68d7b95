"""The wide photo, exposed as the shallow photos are on average: identity without the exposure error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebb.srgb import decode_srgb, srgb_curve
from ebb_train.baselines.exposure import ExposureGains, fit_exposure
from ebb_train.baselines.identity import Identity
from ebb_train.baselines.model import Cost

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb8, Size
    from ebb.progress import Progress
    from ebb_train.baselines.model import TrainPairs
    from ebb_train.pixels import Floats


class Gain(Identity):
    """Multiplies linear light by a gain that falls off towards the corners.

    The gain comes from the train split and is the same for every photo: matching it to each target would use
    the target.
    """

    name = "gain"

    def __init__(self, exposure: ExposureGains, calibrated_on: int = 0) -> None:
        self.exposure, self.calibrated_on = exposure, calibrated_on

    def render(self, wide: Rgb8, depth: Gray8 | None) -> Floats:  # noqa: ARG002 - the signature of a model
        """The wide photo, brighter or darker."""
        return srgb_curve(self.exposure.apply(decode_srgb(wide)))

    def metadata(self) -> dict[str, Any]:
        """The gains, and how many train pairs they come from."""
        return {"model": self.name, **self.exposure._asdict(), "calibrated_on": self.calibrated_on}

    def cost(self, size: Size) -> Cost:
        """One product a value."""
        return Cost(parameters=2, multiply_adds=3 * size.width * size.height)


def build(train: TrainPairs, progress: Progress) -> Gain:  # noqa: ARG001 - the signature of a builder
    """Calibrate the gains."""
    pairs = train()
    return Gain(fit_exposure(pairs), len(pairs))
