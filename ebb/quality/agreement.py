"""Do both photos show the same thing everywhere, blur aside? Similarity and parallax of aligned photos.

The photos are compared at an eighth of their size, where even a strongly blurred background keeps structure,
by normalised cross-correlation of patches (J. P. Lewis, "Fast normalized cross-correlation", 1995). Each
patch is also looked for around its place: a background that moved against the plane in focus is found
elsewhere, a subject that went away is found nowhere.

The wide photo is first given the exposure of the shallow one, so that what clips in one clips in both. A
place that clips all the same, where the wide photo is far from it, shows another thing: blur makes nothing
brighter than what is around it.
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

PATCH = 12
"""Side of a patch, and how far it is looked for to each side, in reduced pixels: 96 px of the photo."""

BLURS = (1.0, 1.5, 2.25, 3.4, 5.1, 7.6, 11.4)
"""Standard deviations in reduced pixels of the blurs that the wide photo is tried with; the shallow one has
the first: what is finer is not compared. The last is that of a disc of 365 px."""

_SHADING = 4.0
"""Standard deviation of what counts as shading, in reduced pixels."""

_DARK = 0.003
"""Added to linear light before the logarithm, so that noise in the shadows stays small."""

MIN_CONTRAST = 0.02
"""Patches with a smaller standard deviation of the logarithm, in either photo, say nothing."""

_NEARER = 0.01
"""Correlation that a place gives away for each reduced pixel of distance: patterns repeat."""

MIN_FOUND = 0.8
"""Correlation at which a patch counts as found."""

MIN_ALIKE = 0.7
"""Correlation in place below which a patch has changed."""

_LIMIT = 0.98
"""Share of the highest code at which a channel clips."""

_LIGHT_REACH = 6
"""How far a light, which clips in all channels of the wide photo, may spread, in reduced pixels: 48 px. How
bright it is, is unknown, so places brighter than expected within this distance are ignored."""

_EXCESS = 0.1
"""Share by which something has to be brighter than expected, however the wide photo is blurred."""

_SHARE_THERE = 0.98
"""Share of a block that must be inside the frame."""

_SATURATED, _FAR_BELOW = 0.95, 0.7
"""Mean luminance of a patch of the shallow photo that clips, and of the wide one where it should not."""

_PARALLAX_PERCENTILE = 75
_FRAME_ERODED = 7


class Agreement(NamedTuple):
    """How well two aligned photos agree.

    Attributes:
        similarity: Mean correlation of all patches with structure, −1 … 1; NaN when there is none.
        parallax_px: How far from its place a patch is found: the largest displacement of all but the worst
            quarter; NaN when no patch is found.
        changed_share: Share of those patches that look different in place, 0 … 1; likewise.
    """

    similarity: float
    parallax_px: float
    changed_share: float


def agreement(
    wide: MeasuredPhoto,
    shallow: MeasuredPhoto,
    H_shallow_to_wide: Homography,
    exposure: ExposureDifference,
) -> Agreement:
    """Compare two photos after alignment, over the whole frame.

    Args:
        wide: The wide photo.
        shallow: Any size.
        H_shallow_to_wide: Between these two.
        exposure: Of the shallow photo against the wide one.
    """
    first, second, valid = _reduced(wide, shallow, H_shallow_to_wide, exposure)
    found = np.array(list(_patches(first, second, valid)), np.float64).reshape(-1, 3)
    if len(found) == 0:
        return Agreement(np.nan, np.nan, np.nan)
    here, best, distance = found.T
    is_found = best > MIN_FOUND
    parallax = np.percentile(distance[is_found], _PARALLAX_PERCENTILE) if is_found.any() else np.nan
    changed_share = float((here < MIN_ALIKE).mean())
    return Agreement(float(here.mean()), EIGHTH * float(parallax), changed_share)


def _reduced(
    wide: MeasuredPhoto, shallow: MeasuredPhoto, H: Homography, exposure: ExposureDifference
) -> tuple[list[NDArray[np.float32]], NDArray[np.float32], NDArray[np.bool_]]:
    """Luminance of both photos, small, on the wide one's grid, and where it can be compared.

    The wide one as the shallow photo's exposure shows it, once for each of :data:`BLURS`.
    """
    import cv2

    small_H = between_blocks(H, EIGHTH)
    gain = gain_map(exposure, wide.shape, shallow.shape, H)
    size = (gain.shape[1], gain.shape[0])
    first = [_clipped_then_blurred(wide.light, gain), *_blurred_then_clipped(wide.small_light * gain)]
    small = shallow.small_light @ LUMINANCE
    moved = cv2.warpPerspective(small, small_H, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    second = np.asarray(cv2.GaussianBlur(np.maximum(moved, 0), (0, 0), BLURS[0]), np.float32)
    inside = np.asarray(cv2.warpPerspective(np.ones_like(small), small_H, size, borderValue=0))
    lit = (second > (1 + _EXCESS) * np.max(first, axis=0)) & _near_lights(wide.rgb)
    usable = (inside > _SHARE_THERE) & ~lit
    return first, second, _inner(usable)


def _clipped_then_blurred(light: RgbLinear, gain: RgbLinear) -> NDArray[np.float32]:
    """What is in focus clips pixel by pixel."""
    import cv2

    rows, columns = gain.shape[:2]
    inner = light[: rows * EIGHTH, : columns * EIGHTH]
    each = cv2.resize(gain, (inner.shape[1], inner.shape[0]), interpolation=cv2.INTER_NEAREST)
    small = blocks(np.minimum(inner * each, np.float32(1)), EIGHTH) @ LUMINANCE
    return np.asarray(cv2.GaussianBlur(small, (0, 0), BLURS[0]), np.float32)


def _blurred_then_clipped(small: RgbLinear) -> Iterator[NDArray[np.float32]]:
    """What is out of focus clips as blur has left it."""
    import cv2

    for sigma in BLURS[1:]:
        yield np.minimum(cv2.GaussianBlur(small, (0, 0), sigma), np.float32(1)) @ LUMINANCE


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


def _structure(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithm of a blurred photo, without shading."""
    import cv2

    logarithm = np.log(light + np.float32(_DARK))
    return np.asarray(logarithm - cv2.GaussianBlur(logarithm, (0, 0), _SHADING), np.float32)


def _patches(
    wide: list[NDArray[np.float32]], shallow: NDArray[np.float32], valid: NDArray[np.bool_]
) -> Iterator[tuple[float, float, float]]:
    """Correlation in place, best correlation around, and its distance, for every patch that says something.

    Of the blurs of the wide photo the one that makes a patch most like the shallow photo's counts; where none
    does in place, all are looked through. Where the shallow photo clips and should not, nothing is alike.
    """
    structures, shallow_structure = [_structure(photo) for photo in wide], _structure(shallow)
    lists, target = [_patch_list(photo) for photo in structures], _patch_list(shallow_structure)
    here = np.stack([np.einsum("nk,nk->n", target.unit, patches.unit) for patches in lists])
    seen = np.minimum(lists[0].deviation, target.deviation) > MIN_CONTRAST
    brightest = np.max([_values(photo).mean(axis=1) for photo in wide], axis=0)
    too_bright = (_values(shallow).mean(axis=1) > _SATURATED) & (brightest < _FAR_BELOW)
    for index in np.flatnonzero(seen | too_bright):
        x, y = (int(corner) for corner in target.corners[index])
        if not valid[y : y + PATCH, x : x + PATCH].all():
            continue
        if too_bright[index]:
            yield 0.0, 0.0, 0.0
            continue
        best = int(here[:, index].argmax())
        blurs = [best] if here[best, index] > MIN_FOUND else range(len(wide))
        patch = shallow_structure[y : y + PATCH, x : x + PATCH]
        yield float(here[best, index]), *max(_find(patch, structures[blur], x, y) for blur in blurs)


class _PatchList(NamedTuple):
    corners: NDArray[np.int64]
    """(N, 2), x and y."""
    unit: NDArray[np.float32]
    """(N, pixels), values of mean 0 and length 1."""
    deviation: NDArray[np.float32]
    """(N,), standard deviations."""


def _patch_list(photo: NDArray[np.float32]) -> _PatchList:
    """All patches of a photo, half a patch apart."""
    values = _values(photo)
    values = values - values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(values, axis=1)
    unit = values / np.maximum(length, np.finfo(np.float32).tiny)[:, None]
    across = max(0, photo.shape[1] - PATCH) // (PATCH // 2) + 1
    rows, columns = np.divmod(np.arange(len(values)), across)
    return _PatchList(PATCH // 2 * np.column_stack([columns, rows]), unit, length / PATCH)


def _values(photo: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, pixels), what the patches hold, row by row."""
    if min(photo.shape) < PATCH:
        return np.zeros((0, PATCH**2), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(photo, (PATCH, PATCH))[:: PATCH // 2, :: PATCH // 2]
    return windows.reshape(-1, PATCH**2)


def _find(patch: NDArray[np.float32], photo: NDArray[np.float32], x: int, y: int) -> tuple[float, float]:
    """Best correlation around a place, and how far from it."""
    import cv2

    left, top = max(x - PATCH, 0), max(y - PATCH, 0)
    around = photo[top : y + 2 * PATCH, left : x + 2 * PATCH]
    scores = np.asarray(cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED), np.float32)
    rows, columns = (np.arange(side) for side in scores.shape)
    distance = np.hypot(rows[:, None] + top - y, columns + left - x)
    row, column = np.unravel_index(int((scores - _NEARER * distance).argmax()), scores.shape)
    away_x = left + column + _peak(scores[row], int(column)) - x
    away_y = top + row + _peak(scores[:, column], int(row)) - y
    return float(scores[row, column]), float(np.hypot(away_x, away_y))


def _peak(scores: NDArray[np.float32], index: int) -> float:
    """Offset of the top of the parabola through a maximum and its neighbours, −0.5 … 0.5."""
    if not 0 < index < len(scores) - 1:
        return 0.0
    before, top, after = (float(value) for value in scores[index - 1 : index + 2])
    bend = before - 2 * top + after
    return 0.0 if bend >= 0 else 0.5 * (before - after) / bend
