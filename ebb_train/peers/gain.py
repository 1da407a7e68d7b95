"""The wide photo, as bright as the shallow photos are on average: identity without the exposure error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.optics.develop import decode_srgb, srgb_curve
from ebb_train.peers.calibrate import exposure_gain
from ebb_train.peers.identity import Identity
from ebb_train.peers.model import Cost

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb8, Size
    from ebb_train.peers.model import Picture, TrainPairs


class Gain(Identity):
    """Multiplies linear light by one number.

    The number comes from the train split and is the same for every photo: a gain matched to each target
    would be looking at the answer.
    """

    name = "gain"

    def __init__(self, gain: float, calibrated_on: int = 0) -> None:
        self.gain, self.calibrated_on = gain, calibrated_on

    def render(self, wide: Rgb8, depth: Gray8 | None) -> Picture:  # noqa: ARG002 - the signature of a model
        """The wide photo, brighter or darker."""
        return srgb_curve(decode_srgb(wide) * np.float32(self.gain))

    def facts(self) -> dict[str, Any]:
        """The gain, and how many train pairs it comes from."""
        return {"model": self.name, "gain": self.gain, "calibrated_on": self.calibrated_on}

    def cost(self, size: Size) -> Cost:
        """One product a value."""
        return Cost(parameters=1, multiply_adds=3 * size.width * size.height)


def build(train: TrainPairs) -> Gain:
    """Calibrate it."""
    pairs = train()
    return Gain(exposure_gain(pairs), len(pairs))
