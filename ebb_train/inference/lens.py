"""The physical lens: a photo and its depth to a picture with bokeh, for a focus and an f-number.

Relative inverse depth d has no unit, so one number sets the scale of the scene: the blur disc at f/1.8
between the nearest (d = 1) and the farthest thing (d = 0), as a share of the photo's longer side. A lens of
focal length f and f-number N, focused far beyond f, blurs a step of D dioptres to f² · D / (N · w)
on a sensor of width w (:mod:`ebb.bokeh.thin_lens`): 50 mm at f/1.8 on 36 mm, from 0.8 m to infinity (1.25
dioptres), gives 0.048. Blur is exactly proportional to 1 / N.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.bokeh.aperture import DISC, Aperture
from ebb.bokeh.renderer import render_shallow
from ebb.bokeh.thin_lens import relative_coc_px
from ebb.srgb import linear_light, srgb_curve
from ebb_train.inference.lens_settings import REFERENCE_F_NUMBER
from ebb_train.inference.lights import brighten_lights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Rgb8
    from ebb_train.inference.lens_settings import LensSettings
    from ebb_train.pixels import Floats

NO_BLUR_PX = 1.0
"""Largest blur disc that leaves a photo as it is: it is within a pixel."""


class LensShot(NamedTuple):
    """What the lens is given, and the blur that follows from it."""

    photo: Rgb8
    """(H, W, 3), in focus everywhere."""
    depth: InverseDepth
    """(H, W), in [0, 1], larger is nearer."""
    focus: float
    """Depth that is in focus, in [0, 1]."""
    f_number: float
    coc_px: NDArray[np.float32]
    """(H, W), signed blur diameters in pixels, negative in front of the plane of focus."""


@dataclass(frozen=True, kw_only=True)
class LensModel:
    """A lens; :class:`~ebb_train.inference.lens_settings.LensSettings` describes the numbers."""

    blur: float = 0.05
    strength: float = 1.0
    highlights: float = 5.0
    aperture: Aperture = DISC
    cats_eye: float = 0.0
    device: str | None = None
    """PyTorch device of the renderer; None: OpenCV on the CPU."""

    @classmethod
    def of(cls, settings: LensSettings, device: str | None = None) -> LensModel:
        """The lens that settings describe."""
        return cls(
            blur=settings.blur,
            strength=settings.strength,
            highlights=settings.highlights,
            aperture=Aperture(blades=settings.blades),
            cats_eye=settings.cats_eye,
            device=device,
        )

    def shoot(self, photo: Rgb8, depth: InverseDepth, focus: float, f_number: float) -> LensShot:
        """Work out the blur of every pixel.

        Args:
            photo: (H, W, 3), in focus everywhere.
            depth: (H, W), in [0, 1], larger is nearer.
            focus: Depth that is in focus, in [0, 1].
            f_number: > 0.
        """
        gain = self.strength * self.blur * max(depth.shape) * REFERENCE_F_NUMBER / f_number
        return LensShot(photo, depth, focus, f_number, relative_coc_px(depth, focus, gain))

    def render(self, shot: LensShot) -> Floats | None:
        """The picture of a shot, (H, W, 3) in [0, 1], sRGB-encoded; None where it is the photo itself."""
        if float(np.abs(shot.coc_px).max()) <= NO_BLUR_PX:
            return None
        light = brighten_lights(linear_light(shot.photo), shot.photo, shot.coc_px, self.highlights)
        return srgb_curve(
            render_shallow(
                light, shot.coc_px, aperture=self.aperture, cats_eye=self.cats_eye, device=self.device
            )
        )
