"""Do both photos show the same thing everywhere, blur aside? Similarity and parallax of aligned photos.

The photos are compared at an eighth of their size, where even a strongly blurred background keeps structure,
by normalised cross-correlation of patches (J. P. Lewis, "Fast normalized cross-correlation", 1995), which
neither exposure nor light fall-off changes. Each patch is also looked for around its place: a background that
moved against the plane in focus is found elsewhere, a subject that went away is found nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

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

_CODES = np.arange(256, dtype=np.float32) / 255
_LIGHT = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""Linear light of each grey value (IEC 61966-2-1)."""

MIN_CONTRAST = 0.02
"""Patches with a smaller standard deviation of the logarithm, in either photo, say nothing."""

_NEARER = 0.01
"""Correlation that a place gives away for each reduced pixel of distance: patterns repeat."""

MIN_FOUND = 0.8
"""Correlation at which a patch counts as found."""

_CLIPPED = 250
_SHARE_THERE = 250
"""A shallow photo that clips shows no structure: places where more than 2 % of it does are left out."""

_PARALLAX_PERCENTILE = 75
_FRAME_ERODED = 7


class Agreement(NamedTuple):
    """How well two aligned photos agree.

    Attributes:
        similarity: Mean correlation of all patches with structure, −1 … 1; NaN when there is none.
        parallax_px: How far from its place a patch is found: the largest displacement of all but the worst
            quarter; NaN when no patch is found.
        num_patches: Patches with structure.
    """

    similarity: float
    parallax_px: float
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
        return Agreement(np.nan, np.nan, 0)
    here, best, distance = found.T
    is_found = best > MIN_FOUND
    parallax = np.percentile(distance[is_found], _PARALLAX_PERCENTILE) if is_found.any() else np.nan
    return Agreement(float(here.mean()), REDUCTION * float(parallax), len(found))


def _reduced(
    wide: Gray8, shallow: Gray8, H: Homography
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Both photos, small, on the wide one's grid, in linear light; and where both are there."""
    import cv2

    size = (wide.shape[1] // REDUCTION, wide.shape[0] // REDUCTION)
    full = (size[0] * REDUCTION, size[1] * REDUCTION)
    moved = cv2.warpPerspective(shallow, H, full, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    usable = np.where(shallow < _CLIPPED, 255, 0).astype(np.uint8)
    there = np.asarray(cv2.warpPerspective(usable, H, full, flags=cv2.INTER_NEAREST))
    small, moved_small, there_small = (
        cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
        for photo in (_LIGHT[wide[: full[1], : full[0]]], _LIGHT[np.asarray(moved)], there)
    )
    inside = (np.asarray(there_small) > _SHARE_THERE).astype(np.uint8)
    inside = np.asarray(
        cv2.erode(
            inside, np.ones((_FRAME_ERODED,) * 2, np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0
        )
    )
    return np.asarray(small), np.asarray(moved_small), inside > 0


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

    Of the blurs of the wide photo the one that makes a patch most like the shallow photo's counts.
    """
    for y in range(0, shallow.shape[0] - PATCH + 1, PATCH // 2):
        for x in range(0, shallow.shape[1] - PATCH + 1, PATCH // 2):
            patch = np.s_[y : y + PATCH, x : x + PATCH]
            contrast = min(wide[0][patch].std(), shallow[patch].std())
            if valid[patch].all() and contrast > MIN_CONTRAST:
                found = [_find(shallow[patch], photo, x, y) for photo in wide]
                yield max(here for here, _, _ in found), *max(one[1:] for one in found)


def _find(
    patch: NDArray[np.float32], photo: NDArray[np.float32], x: int, y: int
) -> tuple[float, float, float]:
    import cv2

    left, top = max(x - PATCH, 0), max(y - PATCH, 0)
    around = photo[top : y + 2 * PATCH, left : x + 2 * PATCH]
    scores = np.asarray(cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED), np.float32)
    rows, columns = (np.arange(side) for side in scores.shape)
    distance = np.hypot(rows[:, None] + top - y, columns + left - x)
    row, column = np.unravel_index(int((scores - _NEARER * distance).argmax()), scores.shape)
    away_x = left + column + _peak(scores[row], int(column)) - x
    away_y = top + row + _peak(scores[:, column], int(row)) - y
    return float(scores[y - top, x - left]), float(scores[row, column]), float(np.hypot(away_x, away_y))


def _peak(scores: NDArray[np.float32], index: int) -> float:
    """Offset of the top of the parabola through a maximum and its neighbours, −0.5 … 0.5."""
    if not 0 < index < len(scores) - 1:
        return 0.0
    before, top, after = (float(value) for value in scores[index - 1 : index + 2])
    bend = before - 2 * top + after
    return 0.0 if bend >= 0 else 0.5 * (before - after) / bend
