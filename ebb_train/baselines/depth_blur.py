"""Conversion of a stored depth map to blur diameters, one for each pixel of the photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.bokeh.depth_upsampling import upsample_depth
from ebb.bokeh.focus import estimate_focus
from ebb.bokeh.thin_lens import relative_coc_px
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Rgb8
    from ebb_train.inference.depth_repair import Repair


def blur_diameters(
    wide: Rgb8, depth: Gray8, blur: float, repair: Repair | None = None
) -> NDArray[np.float32]:
    """Signed blur diameter of every pixel, in pixels: negative in front of the estimated focus.

    Args:
        wide: (H, W, 3), 0…255.
        depth: (h, w), 0…255, near is bright.
        blur: Diameter between the nearest and the farthest depth of the map, as a share of the longer side
            (a lens blurs a share of its picture, whatever the number of pixels).
        repair: Applied to the depth at the photo's size; None: nothing.

    Returns:
        (H, W).
    """
    gain_px = blur * max(wide.shape[:2])
    full = upsample_depth(wide, to_unit(depth))
    if repair is not None:
        full = repair(wide, full)
    return relative_coc_px(full, estimate_focus(depth), gain_px)
