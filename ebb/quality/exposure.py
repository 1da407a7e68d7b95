"""How much brighter the shallow photo is: gain of each channel in linear light, and light fall-off.

Both photos are averaged until their blur no longer differs, blocks that clip in either are left out, and the
logarithm of the ratio is fitted by a gain for each channel and a radial fall-off, with weights that let no
moved thing or highlight decide. What EXIF says is a weak prior, which counts where hardly a block is left.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.quality.grid import between_blocks, blocks
from ebb.srgb import light_of_codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Homography, Mask, Rgb, RgbLinear

REDUCTION = 8
SMOOTH_PX = 4.0
"""Photos are reduced this much, then smoothed with this standard deviation in reduced pixels: 32 px."""

MIN_LEVEL, MAX_LEVEL = 0.004, 0.9
"""Linear light outside this range is noise or about to clip."""

PRIOR_EV = 0.35
"""Standard deviation of what EXIF says: nominal times and f-numbers and the lens's transmission err."""

_CLIPPED = 0.995
_CLEANEST, _LOST_LIMITS = 20, (1e-3, 0.1)
"""A block is used when at most a thousandth of what flows into it clips; where highlights are everywhere, the
cleanest fifth of the blocks is used, up to a tenth."""

_ROUNDS = 20
_TUKEY = 4.685
_MIN_BLOCKS = 12
_CORRELATED = (2 * SMOOTH_PX) ** 2
_LEAST_ERROR_EV = 0.01


class ExposureFigures(NamedTuple):
    """Exposure of the shallow photo against the wide one.

    Attributes:
        gain: (3,), red, green, blue: linear shallow over linear wide at the frame centre.
        vignetting_ev: Extra light in the corners of the shallow photo, in stops; negative when it is darker.
        clipped_wide: Share of the wide photo's pixels with a channel at its limit.
        clipped_shallow: The same for the shallow photo.
        num_blocks: Places that the gain was measured on; 0: it is the prior.
    """

    gain: tuple[float, float, float]
    vignetting_ev: float
    clipped_wide: float
    clipped_shallow: float
    num_blocks: int

    @property
    def ev(self) -> float:
        """Gain of the green channel in stops."""
        return math.log2(self.gain[1])


def exif_ev(
    wide: tuple[float | None, float | None, float | None],
    shallow: tuple[float | None, float | None, float | None],
) -> float | None:
    """Stops that the shallow photo should be brighter by, from (f-number, exposure time, ISO) of both.

    Returns:
        ``None`` when a value is missing.
    """
    if None in wide or None in shallow:
        return None

    def light(f_number: float | None, time_s: float | None, iso: float | None) -> float:
        return (time_s or 0.0) * (iso or 0.0) / (f_number or math.inf) ** 2

    least = min(light(*wide), light(*shallow))
    return math.log2(light(*shallow) / light(*wide)) if least > 0 else None


def linear_light(photo: Rgb) -> RgbLinear:
    """Linear light 0 … 1 of a photo of 8 or 16 bit."""
    return np.asarray(light_of_codes(int(np.iinfo(photo.dtype).max))[photo])


def measure_exposure(
    wide: Rgb, shallow: Rgb, H_shallow_to_wide: Homography, prior_ev: float | None = None
) -> ExposureFigures:
    """Measure gain and fall-off between two photos.

    Args:
        wide: (height, width, 3), reduced to about 1024 px height.
        shallow: Likewise.
        H_shallow_to_wide: Between these two.
        prior_ev: What EXIF says.
    """
    clipped = [_clipped(photo) for photo in (wide, shallow)]
    first, second, usable = _aligned(wide, shallow, clipped, H_shallow_to_wide)
    usable &= (np.minimum(first, second) > MIN_LEVEL).all(axis=2) & (
        np.maximum(first, second) < MAX_LEVEL
    ).all(axis=2)
    fall_off = _fall_off(usable.shape, shallow.shape, H_shallow_to_wide)
    ratio_ev = np.log2(second[usable] / first[usable]).astype(np.float64)
    gain_ev, vignetting_ev = _fit(ratio_ev, fall_off[usable], prior_ev)
    return ExposureFigures(
        gain=(float(2 ** gain_ev[0]), float(2 ** gain_ev[1]), float(2 ** gain_ev[2])),
        vignetting_ev=vignetting_ev,
        clipped_wide=float(clipped[0].mean()),
        clipped_shallow=float(clipped[1].mean()),
        num_blocks=len(ratio_ev),
    )


def clipped_share(photo: Rgb) -> float:
    """Share of the pixels with a channel at its limit, 0 … 1."""
    return float(_clipped(photo).mean())


def _clipped(photo: Rgb) -> Gray8:
    """1 where a channel is at its limit, else 0."""
    import cv2

    highest = int(np.ceil(_CLIPPED * np.iinfo(photo.dtype).max)) - 1
    return np.asarray(cv2.inRange(photo, (0, 0, 0), (highest,) * 3) == 0, np.uint8)


def _aligned(
    wide: Rgb, shallow: Rgb, clipped: list[Gray8], H: Homography
) -> tuple[RgbLinear, RgbLinear, Mask]:
    """Both photos small and smooth on the wide one's grid, and where neither clips nor ends."""
    import cv2

    small_H = between_blocks(H, REDUCTION)
    first, second = (blocks(linear_light(photo), REDUCTION) for photo in (wide, shallow))
    lost_first, lost_second = (blocks(mask, REDUCTION) for mask in clipped)
    size = (first.shape[1], first.shape[0])
    moved = cv2.warpPerspective(second, small_H, size, borderMode=cv2.BORDER_REPLICATE)
    beyond = cv2.warpPerspective(lost_second, small_H, size, borderValue=1)
    share_lost = _smooth(lost_first + np.asarray(beyond, np.float32))
    limit = float(np.clip(np.percentile(share_lost, _CLEANEST), *_LOST_LIMITS))
    return _smooth(first), _smooth(np.asarray(moved, np.float32)), share_lost <= limit


def _smooth(photo: NDArray[np.float32]) -> NDArray[np.float32]:
    import cv2

    blurred = cv2.GaussianBlur(photo, (0, 0), SMOOTH_PX, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, np.float32)


def _fall_off(shape: tuple[int, ...], shallow: tuple[int, ...], H: Homography) -> NDArray[np.float64]:
    """(height, width, 2): r² and r⁴ of each block's place in the shallow photo, r = 1 in its corners.

    Smoothed as the photos are.
    """
    import cv2

    last = np.array([shallow[1] - 1, shallow[0] - 1])
    y, x = (REDUCTION * np.arange(side) + (REDUCTION - 1) / 2 for side in shape)
    wide = np.stack(np.meshgrid(x, y), axis=-1)
    place = cv2.perspectiveTransform(wide, np.linalg.inv(H)) - last / 2
    radius2 = (np.square(place).sum(axis=-1) / max(float(np.square(last / 2).sum()), 1.0)).astype(np.float32)
    both = cv2.GaussianBlur(np.stack([radius2, radius2**2], axis=2), (0, 0), SMOOTH_PX)
    return np.asarray(both, np.float64)


def _fit(
    ratio_ev: NDArray[np.float64], basis: NDArray[np.float64], prior_ev: float | None
) -> tuple[NDArray[np.float64], float]:
    """Gain of each channel and fall-off to the corners, in stops: reweighted least squares."""
    known = prior_ev if prior_ev is not None else 0.0
    if len(ratio_ev) < _MIN_BLOCKS:
        return np.full(3, known), 0.0
    design = np.concatenate([np.kron(np.eye(3), np.ones((len(basis), 1))), np.tile(basis, (3, 1))], axis=1)
    values = ratio_ev.T.ravel()
    spread = max(1.4826 * float(np.median(np.abs(values - np.median(values)))), _LEAST_ERROR_EV)
    solution = np.array([*np.median(ratio_ev, axis=0), 0.0, 0.0])
    # Without it a few blocks in the middle would let the fall-off run away; a stop or two is usual.
    prior_precision = np.array([0, 0, 0, 0.1, 0.1])
    for _ in range(_ROUNDS):
        error = values - design @ solution
        spread = max(1.4826 * float(np.median(np.abs(error))), _LEAST_ERROR_EV)
        weights = np.clip(1 - (error / (_TUKEY * spread)) ** 2, 0, None) ** 2 / (_CORRELATED * spread**2)
        normal = (design * weights[:, None]).T @ design + np.diag(prior_precision)
        right = (design * weights[:, None]).T @ values
        if prior_ev is not None:
            normal[:3, :3] += np.eye(3) / (3 * PRIOR_EV**2)
            right[:3] += prior_ev / (3 * PRIOR_EV**2)
        solution = np.linalg.solve(normal, right)
    return solution[:3], float(solution[3] + solution[4])
