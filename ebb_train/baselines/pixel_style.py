"""Pixel style: layered discs behind a band in focus, at low resolution, with grain put back.

Wadhwa et al., "Synthetic Depth-of-Field with a Single-Camera Mobile Phone" (SIGGRAPH 2018).

Certain: depths around the subject's are all in focus; discs are scattered layer by layer, far to near; this
is done at low resolution, and the photo is kept where it is sharp; blur takes the noise away, so noise is
added.

Ours: depth is the stored map, not that of dual pixels. The layers are those of :mod:`ebb.bokeh`, at half the
size. The share of light that comes from defocused surfaces is rendered in the same way, and decides between
photo and blurred picture. The noise is white. With masks (:mod:`ebb_train.subject`), the subject is in focus
whatever its depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.bokeh.renderer import render_shallow
from ebb.progress import watched
from ebb.srgb import decode_srgb, srgb_curve
from ebb_train.baselines.calibration import BLURS, DEFAULT_BLUR, best_of
from ebb_train.baselines.depth_blur import blur_diameters
from ebb_train.baselines.exposure import UNCHANGED, ExposureGains, fit_exposure
from ebb_train.baselines.model import Cost, Model, require_depth
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Rgb8, Size
    from ebb.progress import Progress
    from ebb_train.baselines.model import ModelBuilder, TrainPairs
    from ebb_train.data.sources import Photos
    from ebb_train.pixels import Floats
    from ebb_train.subject.source import MaskSource

NAME = "pixel-style"
BAND = 0.1
"""Inverse depth on either side of the focus that stays sharp, of a range of 1."""
REDUCTION = 2
"""The photo's size over that at which discs are rendered."""
SHARP_PX, BLURRED_PX = 1.0, 3.0
"""Blur diameters between which the picture passes from the photo to the blurred one."""
NOISE_BLOCKS = 16
"""Noise is measured in so many blocks each way."""
EMPTIEST = 25
"""Percentile of the blocks that is taken for noise without texture."""
SEED = 0
"""Of the noise, so that equal photos give equal pictures."""


class PixelStyle(Model):
    """Renders discs outside of a band of depth around the focus.

    Args:
        blur: Diameter between the nearest and the farthest depth of a map, as a share of the longer side.
        exposure: Gains of linear light.
        calibrated_on: How many train pairs blur and gains come from.
        masks: Gives masks of subjects that are in focus; None: depth alone decides.
    """

    needs_depth = True

    def __init__(
        self,
        blur: float,
        exposure: ExposureGains = UNCHANGED,
        calibrated_on: int = 0,
        masks: MaskSource | None = None,
    ) -> None:
        self.blur, self.exposure, self.calibrated_on, self.masks = blur, exposure, calibrated_on, masks
        self.name = NAME if masks is None else f"{NAME}-{masks.name}"

    def render(self, wide: Rgb8, depth: Gray8 | None) -> Floats:
        """Render a photo without a name, with one thread: masks in files cannot be found."""
        return self._render(wide, depth, "")

    def render_pair(self, photos: Photos) -> Floats:
        """Render the wide photo of a pair, whose mask may be in a file."""
        return self._render(photos.wide, photos.depth, photos.pair_id)

    def _render(self, wide: Rgb8, depth: Gray8 | None, pair_id: str) -> Floats:
        coc = blur_diameters(wide, require_depth(self.name, depth), self.blur)
        coc = outside_band(coc, BAND * self.blur * max(wide.shape[:2]))
        if self.masks is not None:
            coc = coc * (1 - self.masks.mask(wide, depth, pair_id))
        light = self.exposure.apply(decode_srgb(wide))
        blurred, share = render_low(light, coc)
        noise = np.random.default_rng(SEED).standard_normal(wide.shape, np.float32) * noise_sigma(wide)
        picture = srgb_curve(light + share * (blurred - light)) + share * noise
        return np.asarray(np.clip(picture, 0, 1), np.float32)

    def metadata(self) -> dict[str, Any]:
        """Masks, blur and gains, and how many train pairs they come from."""
        return {
            "model": NAME,
            **({} if self.masks is None else self.masks.metadata()),
            "blur": self.blur,
            **self.exposure._asdict(),
            "calibrated_on": self.calibrated_on,
        }

    def cost(self, size: Size) -> Cost:  # noqa: ARG002 - the signature of a model
        """Three numbers; the work depends on how many layers a photo has."""
        return Cost(parameters=3, multiply_adds=None)


def outside_band(coc: NDArray[np.float32], band_px: float) -> NDArray[np.float32]:
    """Signed blur diameters, smaller by those at the edge of the band in focus, and 0 within it."""
    return np.asarray(np.sign(coc) * np.maximum(np.abs(coc) - band_px, 0), np.float32)


def render_low(light: Floats, coc: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Render discs at low resolution.

    Args:
        light: (H, W, 3), linear.
        coc: (H, W), signed blur diameters in pixels.

    Returns:
        The blurred light, (H, W, 3), and the share of it that defocused surfaces give, (H, W, 1).
    """
    import cv2

    height, width = light.shape[:2]
    size = (max(1, width // REDUCTION), max(1, height // REDUCTION))
    small = np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA), np.float32)
    # diameters of two surfaces are not averaged, which would give that of a third
    small_coc = np.asarray(cv2.resize(coc, size, interpolation=cv2.INTER_NEAREST), np.float32)
    weight = np.clip((np.abs(small_coc) - SHARP_PX) / (BLURRED_PX - SHARP_PX), 0, 1)
    small_coc = small_coc * np.float32(size[0] / width)
    blurred = render_shallow(small, small_coc, workers=1)
    share = render_shallow(np.repeat(weight[..., None], 3, axis=2), small_coc, workers=1)[..., :1]
    large = cv2.resize(np.dstack([blurred, share]), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[..., :3], np.float32), np.asarray(large[..., 3:].clip(0, 1), np.float32)


def noise_sigma(wide: Rgb8) -> Floats:
    """Standard deviation of the noise of each channel, where a photo is emptiest.

    Immerkær, "Fast noise variance estimation" (CVIU 1996), in blocks.

    Args:
        wide: (H, W, 3), 0…255.

    Returns:
        (3,), in units of [0, 1].
    """
    import cv2

    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    energy = np.asarray(cv2.filter2D(to_unit(wide), -1, mask), np.float32) ** 2
    blocks = cv2.resize(energy, (NOISE_BLOCKS, NOISE_BLOCKS), interpolation=cv2.INTER_AREA)
    emptiest = np.percentile(np.asarray(blocks).reshape(-1, 3), EMPTIEST, axis=0)
    return np.asarray(np.sqrt(emptiest), np.float32)


def build(train: TrainPairs, progress: Progress) -> Model:
    """Calibrate without masks."""
    return with_masks(None)(train, progress)


def with_masks(masks: MaskSource | None) -> ModelBuilder:
    """A builder with these masks: it calibrates exposure, then blur."""

    def build_pixel_style(train: TrainPairs, progress: Progress) -> PixelStyle:
        pairs = [pair for pair in train() if pair.depth is not None]
        exposure = fit_exposure(pairs)

        def with_blur(value: float, pair: Photos) -> Floats:
            return PixelStyle(value, exposure, masks=masks).render_pair(pair)

        with watched(progress, f"calibrate {NAME}", len(BLURS) * len(pairs)):
            blur = best_of(BLURS, pairs, with_blur, DEFAULT_BLUR, progress)
        return PixelStyle(blur, exposure, len(pairs), masks)

    return build_pixel_style
