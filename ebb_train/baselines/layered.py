"""The layered renderer of :mod:`ebb.bokeh` with the stored depth map, as in portrait modes.

It needs no weights. Light is blurred in linear values by discs, and nearer surfaces cover farther ones. What
the wide photo clipped to white was brighter than that, and shows as bright discs: how much brighter is
calibrated, as the photo does not tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebb.bokeh.highlights import raise_highlights
from ebb.bokeh.renderer import render_shallow
from ebb.progress import watched
from ebb.srgb import decode_srgb, srgb_curve
from ebb_train.baselines.calibration import BLURS, DEFAULT_BLUR, best_of
from ebb_train.baselines.depth_blur import blur_diameters
from ebb_train.baselines.exposure import UNCHANGED, ExposureGains, fit_exposure
from ebb_train.baselines.model import Cost, Model, require_depth

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb8, Size
    from ebb.progress import Progress
    from ebb_train.baselines.model import TrainPairs
    from ebb_train.data.sources import Photos
    from ebb_train.inference.depth_repair import Repair
    from ebb_train.pixels import Floats

HIGHLIGHTS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""How much brighter than white clipped pixels are taken to be: the values tried."""
ROUNDS = 2
"""Of calibrating one, then the other."""


class Layered(Model):
    """Estimates the focus, converts depth to blur diameters, and composites blurred layers."""

    name = "layered"
    needs_depth = True
    repair: Repair | None = None
    """Applied to the depth."""

    def __init__(
        self,
        blur: float,
        exposure: ExposureGains = UNCHANGED,
        highlights: float = 1.0,
        calibrated_on: int = 0,
    ) -> None:
        self.blur, self.exposure, self.highlights = blur, exposure, highlights
        self.calibrated_on = calibrated_on

    def render(self, wide: Rgb8, depth: Gray8 | None) -> Floats:
        """Render as a wide aperture would, with one thread."""
        coc = blur_diameters(wide, require_depth(self.name, depth), self.blur, self.repair)
        light = self.exposure.apply(decode_srgb(wide))
        raise_highlights(light, wide, self.highlights)
        return srgb_curve(render_shallow(light, coc, workers=1))

    def metadata(self) -> dict[str, Any]:
        """Blur scale, gains and highlights, and how many train pairs they come from."""
        return {
            "model": self.name,
            "blur": self.blur,
            **self.exposure._asdict(),
            "highlights": self.highlights,
            "calibrated_on": self.calibrated_on,
        }

    def cost(self, size: Size) -> Cost:  # noqa: ARG002 - the signature of a model
        """Four numbers; the work depends on how many layers a photo has."""
        return Cost(parameters=4, multiply_adds=None)


def build(train: TrainPairs, progress: Progress, kind: type[Layered] = Layered) -> Layered:
    """Calibrate exposure, then blur scale and highlights in turn: both show in the size of bright discs."""
    pairs = [pair for pair in train() if pair.depth is not None]
    exposure, blur, highlights = fit_exposure(pairs), DEFAULT_BLUR, 1.0

    def with_blur(value: float, pair: Photos) -> Floats:
        return kind(value, exposure, highlights).render(pair.wide, pair.depth)

    def with_highlights(value: float, pair: Photos) -> Floats:
        return kind(blur, exposure, value).render(pair.wide, pair.depth)

    pictures = ROUNDS * (len(BLURS) + len(HIGHLIGHTS)) * len(pairs)
    with watched(progress, f"calibrate {kind.name}", pictures):
        for _ in range(ROUNDS):
            blur = best_of(BLURS, pairs, with_blur, DEFAULT_BLUR, progress)
            highlights = best_of(HIGHLIGHTS, pairs, with_highlights, 1.0, progress)
    return kind(blur, exposure, highlights, len(pairs))
