"""Do both photos show the same thing everywhere, blur aside? Similarity and parallax of aligned photos.

The photos are compared at an eighth of their size, where even a strongly blurred background keeps structure,
by normalised cross-correlation of patches (J. P. Lewis, "Fast normalized cross-correlation", 1995), which
neither exposure nor light fall-off changes. Each patch is also looked for around its place: a background that
moved against the plane in focus is found elsewhere, a subject that went away is found nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.quality.grid import between_blocks, blocks
from ebb.srgb import light_of_codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Homography

REDUCTION = 8
PATCH = 12
"""Side of a patch, and how far it is looked for to each side, in reduced pixels: 96 px of the photo."""

BLURS = (1.0, 1.5, 2.25, 3.4)
"""Standard deviations in reduced pixels of the blurs that the wide photo is tried with; the shallow one has
the first: what is finer is not compared."""

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

_CLIPPED = 250
_SHARE_THERE = 0.98
"""A shallow photo that clips shows no structure: places where more than 2 % of it does are left out."""

_PARALLAX_PERCENTILE = 75
_FRAME_ERODED = 7


class Agreement(NamedTuple):
    """How well two aligned photos agree.

    Attributes:
        similarity: Mean correlation of all patches with structure, −1 … 1; NaN when there is none.
        parallax_px: How far from its place a patch is found: the largest displacement of all but the worst
            quarter; NaN when no patch is found.
        changed_share: Share of those patches that look different in place, 0 … 1; likewise.
        num_patches: Patches with structure.
    """

    similarity: float
    parallax_px: float
    changed_share: float
    num_patches: int


def agreement(wide: Gray8, shallow: Gray8, H_shallow_to_wide: Homography) -> Agreement:
    """Compare two photos after alignment, over the whole frame.

    Args:
        wide: (height, width).
        shallow: Any size.
        H_shallow_to_wide: Between these two.
    """
    first, second, valid = _reduced(wide, shallow, H_shallow_to_wide)
    blurred = [_structure(first, sigma) for sigma in BLURS]
    found = np.array(list(_patches(blurred, _structure(second, BLURS[0]), valid)), np.float64).reshape(-1, 3)
    if len(found) == 0:
        return Agreement(np.nan, np.nan, np.nan, 0)
    here, best, distance = found.T
    is_found = best > MIN_FOUND
    parallax = np.percentile(distance[is_found], _PARALLAX_PERCENTILE) if is_found.any() else np.nan
    changed_share = float((here < MIN_ALIKE).mean())
    return Agreement(float(here.mean()), REDUCTION * float(parallax), changed_share, len(found))


def _reduced(
    wide: Gray8, shallow: Gray8, H: Homography
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Both photos, small, on the wide one's grid, in linear light; and where both are there."""
    import cv2

    first, second = (blocks(light_of_codes(255)[photo], REDUCTION) for photo in (wide, shallow))
    usable = blocks(shallow < _CLIPPED, REDUCTION)
    size, small_H = (first.shape[1], first.shape[0]), between_blocks(H, REDUCTION)
    moved = cv2.warpPerspective(second, small_H, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    there = np.asarray(cv2.warpPerspective(usable, small_H, size, borderValue=0))
    inside = cv2.erode(
        (there > _SHARE_THERE).astype(np.uint8),
        np.ones((_FRAME_ERODED,) * 2, np.uint8),
        borderType=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return first, np.maximum(np.asarray(moved, np.float32), 0), np.asarray(inside) > 0


def _structure(light: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Logarithm of a blurred photo, without shading."""
    import cv2

    smooth = cv2.GaussianBlur(light, (0, 0), sigma)
    logarithm = np.log(np.asarray(smooth, np.float32) + np.float32(_DARK))
    return np.asarray(logarithm - cv2.GaussianBlur(logarithm, (0, 0), _SHADING), np.float32)


def _patches(
    wide: list[NDArray[np.float32]], shallow: NDArray[np.float32], valid: NDArray[np.bool_]
) -> Iterator[tuple[float, float, float]]:
    """Correlation in place, best correlation around, and its distance, for every patch with structure.

    Of the blurs of the wide photo the one that makes a patch most like the shallow photo's counts; where none
    does in place, all are looked through.
    """
    corners, target, target_deviation = _patch_list(shallow)
    lists = [_patch_list(photo) for photo in wide]
    here = np.stack([np.einsum("nk,nk->n", target, patches) for _, patches, _ in lists])
    seen = np.minimum(lists[0][2], target_deviation) > MIN_CONTRAST
    for index in np.flatnonzero(seen):
        x, y = (int(corner) for corner in corners[index])
        if valid[y : y + PATCH, x : x + PATCH].all():
            best = int(here[:, index].argmax())
            blurs = [best] if here[best, index] > MIN_FOUND else range(len(wide))
            patch = shallow[y : y + PATCH, x : x + PATCH]
            yield float(here[best, index]), *max(_find(patch, wide[blur], x, y) for blur in blurs)


def _patch_list(
    photo: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """All patches: corners (N, 2), values of mean 0 and length 1 (N, pixels), standard deviations (N,)."""
    if min(photo.shape) < PATCH:
        return np.zeros((0, 2), np.int64), np.zeros((0, 1), np.float32), np.zeros(0, np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(photo, (PATCH, PATCH))[:: PATCH // 2, :: PATCH // 2]
    rows, columns = (PATCH // 2 * place.ravel() for place in np.indices(windows.shape[:2]))
    values = windows.reshape(-1, PATCH**2)
    values = values - values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(values, axis=1)
    unit = values / np.maximum(length, np.finfo(np.float32).tiny)[:, None]
    return np.column_stack([columns, rows]), unit, length / PATCH


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
