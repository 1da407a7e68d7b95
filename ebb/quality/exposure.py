"""How much brighter the shallow photo is: gain of each channel in linear light, and light fall-off.

Blocks that clip in either photo, and their neighbours, are taken out of both. What is left is averaged until
the blur hardly differs, each average over the same blocks in both: it may reach close to a highlight and
holds none of it. The logarithm of the ratio is fitted by a gain for each channel and a radial fall-off. A
place where more blur would bring light in or out counts less, and no moved thing decides. What EXIF says is a
weak prior, which counts where hardly a block is left.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.geometry.pixel_grid import resized_coordinate
from ebb.quality.grid import EIGHTH, between_blocks
from ebb.quality.measured_photo import highest_unclipped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Homography, Rgb, RgbLinear
    from ebb.quality.measured_photo import MeasuredPhoto

SMOOTH_PX = 2.0
"""Photos at an eighth of their size are smoothed with this standard deviation in reduced pixels: 16 px. That
is also the blur that a place is tried with: a disc of 64 px, more than a lens makes of most backgrounds."""

MIN_LEVEL, MAX_LEVEL = 0.004, 0.9
"""Linear light outside this range is noise or about to clip."""

PRIOR_EV = 0.35
"""Standard deviation of what EXIF says: nominal times and f-numbers and the lens's transmission err."""

_OVEREXPOSED_CHANNELS = 2

_LOST_LIMITS, _LEAST_CLEAN = (0.02, 0.1), 0.05
"""A block is clean when at most one of its 64 pixels clips; where highlights are everywhere, the cleanest
twentieth of the blocks is, up to a tenth of the pixels."""

_REACH = 1
"""Blocks this near to one that is not clean are left out too: blur carries light across its border."""

_LEAST_SHARE = 0.3
"""Of what an average is taken over, by weight, this much must be clean."""

_BLUR_EV = 0.2
"""A place whose light that blur would change by this much counts half."""

_CUT_OFF_EV = 0.5
"""A channel whose light exceeds the range of the photo by this much has another colour at any gain."""

_ROUNDS = 20
_TUKEY = 4.685
_MIN_BLOCKS = 12
_CORRELATED = (2 * SMOOTH_PX) ** 2
_LEAST_ERROR_EV = 0.01


class ExposureDifference(NamedTuple):
    """Exposure of the shallow photo against the wide one.

    Attributes:
        gain: (3,), red, green, blue: linear shallow over linear wide at the frame centre.
        fall_off_ev: Extra light at r² and r⁴ = 1, the corners of the shallow photo, in stops; their sum
            is negative when it is darker.
        clipped_wide: Share of the wide photo that is overexposed, with two channels at their limit. One
            alone, such as blue in a clear sky, changes the colour a little.
        clipped_shallow: The same for the shallow photo.
        num_blocks: Places that the gain was measured on; 0: it is the prior.
        cut_off_share: Share of the wide photo with a channel that would clip at the exposure of the shallow
            one, 0 … 1: there its light exceeds what the shallow photo holds by half a stop or more. Where the
            wide photo clips too, the excess is at least the gain.
    """

    gain: tuple[float, float, float]
    fall_off_ev: tuple[float, float]
    clipped_wide: float
    clipped_shallow: float
    num_blocks: int
    cut_off_share: float = 0.0

    @property
    def ev(self) -> float:
        """Gain of the green channel in stops."""
        return math.log2(self.gain[1])

    @property
    def vignetting_ev(self) -> float:
        """Extra light in the corners of the shallow photo, in stops; negative when it is darker."""
        return sum(self.fall_off_ev)


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


def measure_exposure(
    wide: MeasuredPhoto, shallow: MeasuredPhoto, H_shallow_to_wide: Homography, prior_ev: float | None = None
) -> ExposureDifference:
    """Measure gain and fall-off between two photos.

    Args:
        wide: Reduced to about 1024 px height.
        shallow: Likewise.
        H_shallow_to_wide: Between these two.
        prior_ev: What EXIF says.
    """
    first, second, clean = _aligned(wide, shallow, H_shallow_to_wide)
    fall_off = _fall_off(clean.shape, shallow.shape, H_shallow_to_wide)
    first, second, blurred, fall_off = (
        _mean_of_clean(values, clean) for values in (first, second, _smooth(first), fall_off)
    )
    usable = _smooth(clean) > _LEAST_SHARE
    usable &= (np.minimum(first, second) > MIN_LEVEL).all(axis=2)
    usable &= (np.maximum(first, second) < MAX_LEVEL).all(axis=2)
    ratio_ev = np.log2(second[usable] / first[usable]).astype(np.float64)
    leak_ev = np.log2(blurred[usable] / first[usable]).mean(axis=1)
    trust = 1 / (1 + np.square(leak_ev / _BLUR_EV, dtype=np.float64))
    gain_ev, fall_off_ev = _fit(ratio_ev, fall_off[usable].astype(np.float64), trust, prior_ev)
    found = ExposureDifference(
        gain=(float(2 ** gain_ev[0]), float(2 ** gain_ev[1]), float(2 ** gain_ev[2])),
        fall_off_ev=fall_off_ev,
        clipped_wide=clipped_share(wide.rgb),
        clipped_shallow=clipped_share(shallow.rgb),
        num_blocks=len(ratio_ev),
    )
    return found._replace(cut_off_share=_cut_off_share(wide, shallow, H_shallow_to_wide, found))


def gain_map(
    exposure: ExposureDifference,
    wide: tuple[int, ...],
    shallow: tuple[int, ...],
    H_shallow_to_wide: Homography,
) -> RgbLinear:
    """Linear light of the shallow photo over the wide one's, fall-off included, for each block of the latter.

    Args:
        exposure: As measured between them.
        wide: (height, width, ...) of the wide photo.
        shallow: The same of the shallow one.
        H_shallow_to_wide: Between these two.

    Returns:
        (height // 8, width // 8, 3).
    """
    basis = _fall_off((wide[0] // EIGHTH, wide[1] // EIGHTH), shallow, H_shallow_to_wide)
    fall_off = np.exp2(basis @ np.asarray(exposure.fall_off_ev, np.float32))
    return np.asarray(fall_off[..., None] * np.asarray(exposure.gain, np.float32), np.float32)


def _cut_off_share(
    wide: MeasuredPhoto,
    shallow: MeasuredPhoto,
    H_shallow_to_wide: Homography,
    exposure: ExposureDifference,
) -> float:
    expected = wide.small_light * gain_map(exposure, wide.shape, shallow.shape, H_shallow_to_wide)
    return float((expected > 2**_CUT_OFF_EV).any(axis=2).mean()) if expected.size else 0.0


def clipped_share(photo: Rgb) -> float:
    """Share of the pixels with at least two channels at their limit, 0 … 1."""
    return float(((photo > highest_unclipped(photo)).sum(axis=2) >= _OVEREXPOSED_CHANNELS).mean())


def _aligned(
    wide: MeasuredPhoto, shallow: MeasuredPhoto, H: Homography
) -> tuple[RgbLinear, RgbLinear, NDArray[np.float32]]:
    """Both photos small on the wide one's grid, and 1 where neither clips nor ends, else 0."""
    import cv2

    small_H = between_blocks(H, EIGHTH)
    first, second = wide.small_light, shallow.small_light
    size = (first.shape[1], first.shape[0])
    moved = cv2.warpPerspective(second, small_H, size, borderMode=cv2.BORDER_REPLICATE)
    beyond = cv2.warpPerspective(shallow.lost, small_H, size, borderValue=1)
    clean = _clean(np.maximum(wide.lost, np.asarray(beyond, np.float32)))
    return first, np.asarray(moved, np.float32), clean


def _clean(lost: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 for blocks to measure on, else 0, from the share of each that clips."""
    import cv2

    limit = float(np.clip(np.percentile(lost, 100 * _LEAST_CLEAN), *_LOST_LIMITS))
    clean = np.asarray(lost <= limit, np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _REACH + 1, 2 * _REACH + 1))
    inner = cv2.erode(clean, disc)
    return np.asarray(inner if inner.mean() >= _LEAST_CLEAN else clean, np.float32)


def _mean_of_clean(values: NDArray[np.float32], clean: NDArray[np.float32]) -> NDArray[np.float32]:
    """Smoothed values, (height, width, channels), each an average over clean blocks alone."""
    weight = np.maximum(_smooth(clean), np.float32(1e-6))
    return np.asarray(_smooth(values * clean[..., None]) / weight[..., None], np.float32)


def _smooth(photo: NDArray[np.float32]) -> NDArray[np.float32]:
    import cv2

    blurred = cv2.GaussianBlur(photo, (0, 0), SMOOTH_PX, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, np.float32)


def _fall_off(shape: tuple[int, ...], shallow: tuple[int, ...], H: Homography) -> NDArray[np.float32]:
    """(height, width, 2): r² and r⁴ of each block's place in the shallow photo, r = 1 in its corners."""
    import cv2

    last = np.array([shallow[1] - 1, shallow[0] - 1])
    y, x = (resized_coordinate(np.arange(side, dtype=np.float64), EIGHTH) for side in shape)
    wide = np.stack(np.meshgrid(x, y), axis=-1)
    place = cv2.perspectiveTransform(wide, np.linalg.inv(H)) - last / 2
    radius2 = np.square(place).sum(axis=-1) / max(float(np.square(last / 2).sum()), 1.0)
    return np.asarray(np.stack([radius2, radius2**2], axis=2), np.float32)


def _fit(
    ratio_ev: NDArray[np.float64],
    basis: NDArray[np.float64],
    trust: NDArray[np.float64],
    prior_ev: float | None,
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Gain of each channel and fall-off with r² and r⁴ to the corners, in stops: reweighted least squares."""
    known = prior_ev if prior_ev is not None else 0.0
    if len(ratio_ev) < _MIN_BLOCKS:
        return np.full(3, known), (0.0, 0.0)
    design = np.concatenate([np.kron(np.eye(3), np.ones((len(basis), 1))), np.tile(basis, (3, 1))], axis=1)
    values = ratio_ev.T.ravel()
    spread = max(1.4826 * float(np.median(np.abs(values - np.median(values)))), _LEAST_ERROR_EV)
    solution = np.array([*np.median(ratio_ev, axis=0), 0.0, 0.0])
    # Without it a few blocks in the middle would let the fall-off run away; a stop or two is usual.
    prior_precision = np.array([0, 0, 0, 0.1, 0.1])
    for _ in range(_ROUNDS):
        error = values - design @ solution
        spread = max(1.4826 * float(np.median(np.abs(error))), _LEAST_ERROR_EV)
        weights = np.clip(1 - (error / (_TUKEY * spread)) ** 2, 0, None) ** 2 * np.tile(trust, 3)
        weights /= _CORRELATED * spread**2
        normal = (design * weights[:, None]).T @ design + np.diag(prior_precision)
        right = (design * weights[:, None]).T @ values
        if prior_ev is not None:
            normal[:3, :3] += np.eye(3) / (3 * PRIOR_EV**2)
            right[:3] += prior_ev / (3 * PRIOR_EV**2)
        solution = np.linalg.solve(normal, right)
    return solution[:3], (float(solution[3]), float(solution[4]))
