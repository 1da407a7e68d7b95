"""Portrait mode by segmentation: the subject stays, everything else is blurred alike.

Shen et al., "Automatic Portrait Segmentation for Image Stylization" (Eurographics 2016); Zhu et al., "Fast
Deep Matting for Portrait Animation on Mobile Phone" (ACM MM 2017).

Certain: a mask, then one blur. Ours: the blur is a disc in linear light; the subject's light is left out of
it, so that its colours do not spread into the background; the mask is that of depth, GrabCut, a segmentation
network or a file (:mod:`ebb_train.subject`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.bokeh.aperture import blur_kernel
from ebb.progress import watched
from ebb.srgb import decode_srgb, srgb_curve
from ebb_train.baselines.calibration import BLURS, DEFAULT_BLUR, best_of
from ebb_train.baselines.exposure import UNCHANGED, ExposureGains, fit_exposure
from ebb_train.baselines.model import Cost, Model, require_depth
from ebb_train.subject.focus_band import FocusBand

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb8, RgbLinear, Size
    from ebb.progress import Progress
    from ebb_train.baselines.model import ModelBuilder, TrainPairs
    from ebb_train.data.sources import Photos
    from ebb_train.pixels import Floats
    from ebb_train.subject.source import MaskSource

NAME = "portrait"


class Portrait(Model):
    """Blurs all that a mask leaves out by one disc.

    Args:
        masks: Gives the masks.
        blur: Diameter of the disc, as a share of the longer side.
        exposure: Gains of linear light.
        calibrated_on: How many train pairs blur and gains come from.
    """

    def __init__(
        self, masks: MaskSource, blur: float, exposure: ExposureGains = UNCHANGED, calibrated_on: int = 0
    ) -> None:
        self.masks, self.blur, self.exposure, self.calibrated_on = masks, blur, exposure, calibrated_on
        self.needs_depth = masks.needs_depth
        self.name = NAME if masks.name == "depth" else f"{NAME}-{masks.name}"

    def render(self, wide: Rgb8, depth: Gray8 | None) -> Floats:
        """Render a photo without a name: masks in files cannot be found."""
        return self._render(wide, depth, "")

    def render_pair(self, photos: Photos) -> Floats:
        """Render the wide photo of a pair, whose mask may be in a file."""
        return self._render(photos.wide, photos.depth, photos.pair_id)

    def _render(self, wide: Rgb8, depth: Gray8 | None, pair_id: str) -> Floats:
        if self.needs_depth:
            require_depth(self.name, depth)
        mask = self.masks.mask(wide, depth, pair_id)
        light = self.exposure.apply(decode_srgb(wide))
        background = blur_background(light, mask, self.blur * max(wide.shape[:2]))
        return srgb_curve(light + (1 - mask[..., None]) * (background - light))

    def metadata(self) -> dict[str, Any]:
        """Masks, blur and gains, and how many train pairs they come from."""
        return {
            "model": NAME,
            **self.masks.metadata(),
            "blur": self.blur,
            **self.exposure._asdict(),
            "calibrated_on": self.calibrated_on,
        }

    def cost(self, size: Size) -> Cost:  # noqa: ARG002 - the signature of a model
        """Three numbers; the work is that of the mask."""
        return Cost(parameters=3, multiply_adds=None)


def blur_background(light: RgbLinear, mask: Floats, diameter_px: float) -> RgbLinear:
    """Average the light of the background over a disc, as far as the mask leaves any.

    Args:
        light: (H, W, 3).
        mask: (H, W), from 0 (background) to 1 (subject).
        diameter_px: Of the disc.

    Returns:
        (H, W, 3); the light itself where the disc holds no background.
    """
    import cv2

    share = 1 - mask
    kernel = blur_kernel(diameter_px)
    planes = np.dstack([light * share[..., None], share])
    blurred = np.asarray(cv2.filter2D(planes, -1, kernel, borderType=cv2.BORDER_REFLECT), np.float32)
    weight = blurred[..., 3:]
    # the Fourier transform of large kernels leaves weights of 1e-7 where there is no background
    known = weight > np.float32(1e-4)
    return np.where(known, blurred[..., :3] / np.where(known, weight, 1), light).clip(0)


def build(train: TrainPairs, progress: Progress) -> Model:
    """Calibrate with masks from depth."""
    return with_masks(FocusBand())(train, progress)


def with_masks(masks: MaskSource) -> ModelBuilder:
    """A builder with these masks: it calibrates exposure, then blur."""

    def build_portrait(train: TrainPairs, progress: Progress) -> Portrait:
        pairs = [pair for pair in train() if pair.depth is not None or not masks.needs_depth]
        exposure = fit_exposure(pairs)

        def with_blur(value: float, pair: Photos) -> Floats:
            return Portrait(masks, value, exposure).render_pair(pair)

        with watched(progress, f"calibrate {NAME}", len(BLURS) * len(pairs)):
            blur = best_of(BLURS, pairs, with_blur, DEFAULT_BLUR, progress)
        return Portrait(masks, blur, exposure, len(pairs))

    return build_portrait
