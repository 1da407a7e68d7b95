"""Gaussian blur by depth, the simplest approximation of bokeh.

Every pixel is taken from a copy of the photo that is blurred by the diameter at its own depth. Highlights do
not become discs, and the colour of a sharp subject spreads into the blurred background beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.progress import watched
from ebb_train.baselines.calibration import BLURS, DEFAULT_BLUR, best_of
from ebb_train.baselines.depth_blur import blur_diameters
from ebb_train.baselines.exposure import UNCHANGED, ExposureGains, fit_exposure
from ebb_train.baselines.gain import Gain
from ebb_train.baselines.model import Cost, Model, require_depth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Rgb8, Size
    from ebb.progress import Progress
    from ebb_train.baselines.model import TrainPairs
    from ebb_train.data.sources import Photos
    from ebb_train.pixels import Floats

LEVELS = 12
"""Blurred copies of the photo between no blur and the strongest."""
CUT = 3.0
"""Kernels end at this many sigma."""


class Gaussian(Model):
    """Interpolates between Gaussian-blurred copies of the photo."""

    name = "gaussian"
    needs_depth = True

    def __init__(self, blur: float, exposure: ExposureGains = UNCHANGED, calibrated_on: int = 0) -> None:
        self.blur, self.exposure, self.calibrated_on = blur, exposure, calibrated_on

    def render(self, wide: Rgb8, depth: Gray8 | None) -> Floats:
        """Blur by depth, in sRGB values, as image editors do.

        A disc of diameter c has the standard deviation c / 4 along each axis; so has the Gaussian.
        """
        coc = blur_diameters(wide, require_depth(self.name, depth), self.blur)
        sigma = np.asarray(np.abs(coc) / 4, np.float32)
        return blend_blurred(Gain(self.exposure).render(wide, depth), sigma)

    def metadata(self) -> dict[str, Any]:
        """The blur scale, the gains, and how many train pairs they come from."""
        return {
            "model": self.name,
            "blur": self.blur,
            **self.exposure._asdict(),
            "calibrated_on": self.calibrated_on,
        }

    def cost(self, size: Size) -> Cost:
        """Two passes of one kernel for each copy, at the strongest blur there can be."""
        sigmas = np.arange(1, LEVELS + 1) / LEVELS * self.blur * max(size) / 4
        taps = int((2 * np.ceil(CUT * sigmas) + 1).sum())
        return Cost(parameters=3, multiply_adds=2 * taps * 3 * size.width * size.height)


def blend_blurred(photo: Floats, sigma: NDArray[np.float32]) -> Floats:
    """Blur each pixel with its own Gaussian, interpolated between :data:`LEVELS` fixed ones.

    Args:
        photo: (H, W, 3), [0, 1].
        sigma: (H, W), in pixels, at least 0.
    """
    import cv2

    strongest = float(sigma.max())
    if strongest == 0:
        return photo
    place = sigma * np.float32(LEVELS / strongest)
    result = photo * np.clip(1 - place, 0, 1)[..., None]
    for level in range(1, LEVELS + 1):
        weight = np.clip(1 - abs(place - level), 0, 1)
        if weight.any():
            level_sigma = level / LEVELS * strongest
            side = 2 * int(np.ceil(CUT * level_sigma)) + 1
            blurred = cv2.GaussianBlur(photo, (side, side), level_sigma, borderType=cv2.BORDER_REFLECT)
            result += blurred * weight[..., None]
    return np.asarray(np.clip(result, 0, 1), np.float32)


def build(train: TrainPairs, progress: Progress) -> Gaussian:
    """Calibrate exposure, then blur scale."""
    pairs = [pair for pair in train() if pair.depth is not None]
    exposure = fit_exposure(pairs)

    def with_blur(value: float, pair: Photos) -> Floats:
        return Gaussian(value, exposure).render(pair.wide, pair.depth)

    with watched(progress, "calibrate gaussian", len(BLURS) * len(pairs)):
        blur = best_of(BLURS, pairs, with_blur, DEFAULT_BLUR, progress)
    return Gaussian(blur, exposure, len(pairs))
