"""A scene from a photo with depth: what `ebb simulate --from-rgbd` photographs."""

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
"""Where the nearest and the farthest point of a photo without metres are put: a room, or a street corner.

With 50 mm at f/1.8 and the subject in front, the background blurs as in the procedural scenes.
"""

_CLOSEST_FOCUS_M = 0.45
_SUBJECT_SHARE = 0.75
"""The subject is nearer than most of what the middle of the frame shows: its quantile of inverse depth."""

_CLIPPED = 0.98
_CLIPPED_BOOST = 4.0
"""A photo does not say how bright its clipped lights were; two stops above white make bright discs."""


def scene_from_photo(photo: Rgb, inverse_depth: InverseDepth, size: Size, depth: RgbdDepth) -> Scene:
    """Make a scene of a photo: cut out the middle in the aspect of the frame, reduce, put it at a distance.

    Args:
        photo: (height, width, 3), upright, sharp everywhere for a truthful result.
        inverse_depth: The same view at any resolution, larger is nearer, not the same everywhere.
        size: Frame, upright; the scene has a margin around it, so the photo must be larger.
        depth: What the inverse depth means. ``metres``: 1 / metres. ``inverse``: relative; it is stretched
            so that inverse distance runs from 1 / :data:`FARTHEST_M` to 1 / :data:`NEAREST_M`.

    Returns:
        The scene in linear light, focused on what is near in the middle of the frame.

    Raises:
        Rejected: ``too_small``, a photo smaller than the frame with its margin.
    """
    margin = margin_px(size)
    full = Size(size.width + 2 * margin, size.height + 2 * margin)
    scale = min(photo.shape[1] / full.width, photo.shape[0] / full.height)
    if scale < 1:
        fitting = [int(side * scale / 2) * 2 for side in size]
        raise Rejected(
            Reason.TOO_SMALL,
            f"the photo is {photo.shape[1]} x {photo.shape[0]}, a frame of {size.width} x {size.height} with "
            f"its margin needs {full.width} x {full.height}; --size {max(fitting)}x{min(fitting)} would do",
        )
    inverse_m = _fit(_inverse_metres(inverse_depth, depth), full)
    middle = inverse_m[full.height // 3 : -full.height // 3, full.width // 3 : -full.width // 3]
    focus = max(float(np.quantile(middle, _SUBJECT_SHARE)), 1 / FARTHEST_M)
    with np.errstate(divide="ignore"):
        depth_m = np.reciprocal(inverse_m)
    return Scene(rgb=_fit(_light(photo), full), depth_m=depth_m, focus_m=1 / focus, margin=margin)


def _light(photo: Rgb) -> RgbLinear:
    """From sRGB to linear light, brighter where every channel is clipped."""
    linear = decode_srgb(photo)
    linear[linear.min(axis=2) >= _CLIPPED] *= np.float32(_CLIPPED_BOOST)
    return linear


def _inverse_metres(inverse_depth: InverseDepth, depth: RgbdDepth) -> NDArray[np.float32]:
    """Inverse distance, 1/m, nothing nearer than the lens can focus."""
    if depth == "metres":
        return np.clip(inverse_depth, 0, 1 / _CLOSEST_FOCUS_M).astype(np.float32)
    low, high = float(inverse_depth.min()), float(inverse_depth.max())
    share = (inverse_depth - low) / (high - low)
    return np.asarray(1 / FARTHEST_M + share * (1 / NEAREST_M - 1 / FARTHEST_M), np.float32)


def _fit(image: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Cut the middle out in the aspect of ``size`` and resample it: averaged down, interpolated up."""
    import cv2

    height, width = image.shape[:2]
    scale = min(width / size.width, height / size.height)
    keep_x, keep_y = max(1, round(size.width * scale)), max(1, round(size.height * scale))
    left, top = (width - keep_x) // 2, (height - keep_y) // 2
    cut = np.ascontiguousarray(image[top : top + keep_y, left : left + keep_x])
    # A mean of two depths is a surface that is not there: depth is picked when it is reduced.
    reduced = cv2.INTER_AREA if image.ndim == 3 else cv2.INTER_NEAREST_EXACT
    return np.asarray(cv2.resize(cut, size, interpolation=reduced if scale >= 1 else cv2.INTER_LINEAR))
