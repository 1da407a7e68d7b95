"""Both photos of a pair at an eighth of their size, at equal exposure and comparable blur.

At that size even a strongly blurred background keeps structure. The wide photo is first given the exposure of
the shallow one, so that what clips in one clips in both, and blurred by each of :data:`BLURS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.quality.exposure import gain_map
from ebb.quality.grid import EIGHTH, between_blocks, blocks
from ebb.srgb import LUMINANCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ebb.arrays import Homography, Rgb, RgbLinear
    from ebb.quality.exposure import ExposureDifference
    from ebb.quality.measured_photo import MeasuredPhoto

BLURS = (1.0, 1.5, 2.25, 3.4, 5.1, 7.6, 11.4)
"""Standard deviations in reduced pixels of the blurs that the wide photo is tried with; the shallow one has
the first: what is finer is not compared. The last is that of a disc of 365 px."""

_LIMIT = 0.98
"""Share of the highest code at which a channel clips."""

_LIGHT_REACH = 6
"""How far a light, which clips in all channels of the wide photo, may spread, in reduced pixels: 48 px. How
bright it is, is unknown, so places brighter than expected within this distance are ignored."""

_EXCESS = 0.1
"""Share by which something has to be brighter than expected, however the wide photo is blurred."""

_SHARE_THERE = 0.98
"""Share of a block that must be inside the frame."""

_FRAME_ERODED = 7


class EqualBlur(NamedTuple):
    """Linear light of both photos on the wide one's grid.

    Attributes:
        wide: (height // 8, width // 8, 3) for each of :data:`BLURS`, at the exposure of the shallow photo.
        shallow: The same of the shallow photo, with the first blur.
        usable: (height // 8, width // 8), where both can be compared: inside both frames, and away from
            lights of unknown brightness.
        clips: Likewise, blocks of which a part clips in the wide photo.
        sharp: The shallow photo before it was blurred.
    """

    wide: tuple[RgbLinear, ...]
    shallow: RgbLinear
    usable: NDArray[np.bool_]
    clips: NDArray[np.bool_]
    sharp: RgbLinear


def at_equal_blur(
    wide: MeasuredPhoto,
    shallow: MeasuredPhoto,
    H_shallow_to_wide: Homography,
    exposure: ExposureDifference,
) -> EqualBlur:
    """Bring both photos to one size, grid and exposure, and to a range of blurs.

    Args:
        wide: The wide photo.
        shallow: Any size.
        H_shallow_to_wide: Between these two.
        exposure: Of the shallow photo against the wide one.
    """
    import cv2

    small_H = between_blocks(H_shallow_to_wide, EIGHTH)
    gain = gain_map(exposure, wide.shape, shallow.shape, H_shallow_to_wide)
    size = (gain.shape[1], gain.shape[0])
    moved = cv2.warpPerspective(
        shallow.small_light, small_H, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    sharp = np.maximum(moved, 0)
    first = (_blurred(_clipped(wide.light, gain)), *_blurred_then_clipped(wide.small_light * gain))
    second = _blurred(sharp)
    there = np.ones(shallow.small_light.shape[:2], np.float32)
    inside = np.asarray(cv2.warpPerspective(there, small_H, size, borderValue=0))
    brightest = np.max([photo @ LUMINANCE for photo in first], axis=0)
    lit = (second @ LUMINANCE > (1 + _EXCESS) * brightest) & _near_lights(wide.rgb)
    usable = (inside > _SHARE_THERE) & ~lit
    return EqualBlur(first, second, _inner(usable), wide.lost > 0, sharp)


def _clipped(light: RgbLinear, gain: RgbLinear) -> RgbLinear:
    """The wide photo at the other exposure: what is in focus clips pixel by pixel."""
    import cv2

    rows, columns = gain.shape[:2]
    inner = light[: rows * EIGHTH, : columns * EIGHTH]
    each = cv2.resize(gain, (inner.shape[1], inner.shape[0]), interpolation=cv2.INTER_NEAREST)
    return blocks(np.minimum(inner * each, np.float32(1)), EIGHTH)


def _blurred(light: RgbLinear) -> RgbLinear:
    import cv2

    return np.asarray(cv2.GaussianBlur(light, (0, 0), BLURS[0]), np.float32)


def _blurred_then_clipped(small: RgbLinear) -> Iterator[RgbLinear]:
    """What is out of focus clips as blur has left it."""
    import cv2

    for sigma in BLURS[1:]:
        yield np.minimum(cv2.GaussianBlur(small, (0, 0), sigma), np.float32(1))


def _near_lights(wide: Rgb) -> NDArray[np.bool_]:
    """Blocks that a thing which clips in the wide photo may spread its light to."""
    import cv2

    highest = int(np.iinfo(wide.dtype).max)
    clips = cv2.inRange(wide, (_LIMIT * highest,) * 3, (highest,) * 3) > 0
    lights = (blocks(clips, EIGHTH) > 0).astype(np.uint8)
    return np.asarray(cv2.dilate(lights, np.ones((2 * _LIGHT_REACH + 1,) * 2, np.uint8))) > 0


def _inner(usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blocks away from those that are not usable, and from the frame."""
    import cv2

    kernel = np.ones((_FRAME_ERODED,) * 2, np.uint8)
    inner = cv2.erode(usable.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(inner) > 0
