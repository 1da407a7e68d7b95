"""Do both photos show the same thing everywhere, blur aside? Similarity and parallax of aligned photos.

The photos are compared at an eighth of their size, where even a strongly blurred background keeps structure,
by normalised cross-correlation of patches (J. P. Lewis, "Fast normalized cross-correlation", 1995). Each
patch is also looked for around its place: a background that moved against the plane in focus is found
elsewhere, a subject that went away is found nowhere.

What clips at the exposure of the shallow photo clips in both. A place that clips all the same, where the wide
photo is far from it, shows another thing: blur makes nothing brighter than what is around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.quality.grid import EIGHTH
from ebb.srgb import LUMINANCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ebb.quality.equal_blur import EqualBlur

PATCH = 12
"""Side of a patch, and how far it is looked for to each side, in reduced pixels: 96 px of the photo."""

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

_SATURATED, _FAR_BELOW = 0.95, 0.7
"""Mean luminance of a patch of the shallow photo that clips, and of the wide one where it should not."""

_PARALLAX_PERCENTILE = 75


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


def agreement(pair: EqualBlur) -> Agreement:
    """Compare two photos after alignment, over the whole frame."""
    wide, shallow = [photo @ LUMINANCE for photo in pair.wide], pair.shallow @ LUMINANCE
    found = np.array(list(_patches(wide, shallow, pair.usable)), np.float64).reshape(-1, 3)
    if len(found) == 0:
        return Agreement(np.nan, np.nan, np.nan)
    here, best, distance = found.T
    is_found = best > MIN_FOUND
    parallax = np.percentile(distance[is_found], _PARALLAX_PERCENTILE) if is_found.any() else np.nan
    changed_share = float((here < MIN_ALIKE).mean())
    return Agreement(float(here.mean()), EIGHTH * float(parallax), changed_share)


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
