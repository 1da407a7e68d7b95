"""Scenes from photos with depth, for `ebb simulate --from-rgbd`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from ebb.arrays import Size
from ebb.errors import Reason, Rejected
from ebb.simulation.scenes import Scene, margin_px
from ebb.srgb import decode_srgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Rgb, RgbLinear

RgbdDepth: TypeAlias = Literal["inverse", "metres"]

NEAREST_M, FARTHEST_M = 1.2, 12.0
"""Distances assigned to the nearest and farthest point of a photo with relative depth.

With a subject in the foreground at 50 mm and f/1.8, the background blur is similar to the procedural scenes'.
"""

_CLOSEST_FOCUS_M = 0.45
_SUBJECT_SHARE = 0.75
"""Quantile of inverse depth in the centre of the frame at which the subject is assumed."""

_CLIPPED = 0.98
_CLIPPED_BOOST = 4.0
"""Assumed radiance of clipped lights relative to white: two stops."""


def scene_from_photo(photo: Rgb, inverse_depth: InverseDepth, size: Size, depth: RgbdDepth) -> Scene:
    """Make a scene from a photo: crop its centre to the aspect ratio of the frame, reduce it, scale depth.

    Args:
        photo: (height, width, 3), upright; it should be in focus everywhere.
        inverse_depth: Inverse depth of the same view at any resolution, larger is nearer, not constant.
        size: Size of the upright frame; with the scene's margin it must not exceed the photo.
        depth: Unit of the inverse depth. ``metres``: 1/m. ``inverse``: relative; it is scaled to the range
            from 1 / :data:`FARTHEST_M` to 1 / :data:`NEAREST_M`.

    Returns:
        The scene in linear light, focused on the nearer surfaces in the centre of the frame.

    Raises:
        Rejected: ``too_small``: the photo is smaller than the frame with its margin.
    """
    margin = margin_px(size)
    full = Size(size.width + 2 * margin, size.height + 2 * margin)
    scale = min(photo.shape[1] / full.width, photo.shape[0] / full.height)
    if scale < 1:
        fitting = [int(side * scale / 2) * 2 for side in size]
        raise Rejected(
            Reason.TOO_SMALL,
            f"the photo has {photo.shape[1]} x {photo.shape[0]} pixels, but a frame of {size.width} x "
            f"{size.height} with its margin needs {full.width} x {full.height}; use "
            f"--size {max(fitting)}x{min(fitting)}",
        )
    inverse_m = _fit(_inverse_metres(inverse_depth, depth), full)
    middle = inverse_m[full.height // 3 : -full.height // 3, full.width // 3 : -full.width // 3]
    focus = max(float(np.quantile(middle, _SUBJECT_SHARE)), 1 / FARTHEST_M)
    with np.errstate(divide="ignore"):
        depth_m = np.reciprocal(inverse_m)
    return Scene(rgb=_fit(_light(photo), full), depth_m=depth_m, focus_m=1 / focus, margin=margin)


def _light(photo: Rgb) -> RgbLinear:
    """Convert sRGB to linear light, with increased radiance where every channel is clipped."""
    linear = decode_srgb(photo)
    linear[linear.min(axis=2) >= _CLIPPED] *= np.float32(_CLIPPED_BOOST)
    return linear


def _inverse_metres(inverse_depth: InverseDepth, depth: RgbdDepth) -> NDArray[np.float32]:
    """Inverse distance in 1/m, limited to the closest focus of the lens."""
    if depth == "metres":
        return np.clip(inverse_depth, 0, 1 / _CLOSEST_FOCUS_M).astype(np.float32)
    low, high = float(inverse_depth.min()), float(inverse_depth.max())
    share = (inverse_depth - low) / (high - low)
    return np.asarray(1 / FARTHEST_M + share * (1 / NEAREST_M - 1 / FARTHEST_M), np.float32)


def _fit(image: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Crop the centre to the aspect ratio of ``size`` and resample it, by averaging or interpolation."""
    import cv2

    height, width = image.shape[:2]
    scale = min(width / size.width, height / size.height)
    keep_x, keep_y = max(1, round(size.width * scale)), max(1, round(size.height * scale))
    left, top = (width - keep_x) // 2, (height - keep_y) // 2
    cut = np.ascontiguousarray(image[top : top + keep_y, left : left + keep_x])
    # Averaging depth would create surfaces between foreground and background.
    reduced = cv2.INTER_AREA if image.ndim == 3 else cv2.INTER_NEAREST_EXACT
    return np.asarray(cv2.resize(cut, size, interpolation=reduced if scale >= 1 else cv2.INTER_LINEAR))
