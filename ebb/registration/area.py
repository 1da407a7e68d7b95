"""Registration by areas, for subjects without corners.

A post, a face or a wall in focus has edges and faint texture, while most corners around it may be blurred.
As hand-held photos differ by little, sharp patches of the shallow photo are searched for around their places
in the wide photo, and their correlation surfaces are summed. An edge does not constrain the shift along it;
edges in other directions and faint corners do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.arrays import Size
from ebb.errors import Reason, Rejected
from ebb.geometry.models import Matches, Motion, MotionModel, refine_irls, whitening
from ebb.geometry.pixel_grid import resized_coordinate
from ebb.registration.coarse import Coarse
from ebb.registration.tiles import band, halved

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Gray8

REDUCTION = 2
"""Photos are compared at half their detection height, where a little blur and noise matter less."""

PATCH, STRIDE = 32, 16
REACH = 48
"""Search radius of a patch: 96 px at 1024 px height, more than most hand-held shots differ."""

_STARTS = slice(None, 1 - PATCH, STRIDE)
"""Where patches start along a side."""

MAX_PATCHES = 64
"""Number of patches that are searched for, the sharpest ones."""

PATCHES_PER_CELL = 6
"""At most this many of them are in each cell of a 6 x 6 grid, so that one textured area does not decide."""

CELLS = 6

MIN_FINE_SHARE = 0.35
"""Least ratio of fine to coarser detail in a sharp patch; a blurred one has next to none."""

_NOISE_PERCENTILE, _NOISE_TIMES, _LEAST_DETAIL, _MOST_DETAIL = 20, 2.0, 0.8, 3.0
"""Fine detail of a sharp patch is twice that of the emptiest fifth of the photo, within these grey values: a
photo may be sharp everywhere."""

_COARSER_PX = (2.5, 6.0)

NEAR = 8
"""Largest distance of a patch from the common shift, which a roll of the camera and depth cause."""

MIN_CORRELATION = 0.5
"""Correlation at which a patch is found."""

MIN_FOUND, MIN_FOUND_SHARE = 8, 0.4
"""Least number and share of patches that must be found."""

MIN_FOR_SIMILARITY = 12
"""With fewer patches only a shift is fitted, as a small subject does not determine a roll."""

INLIER_MEDIANS = 4.0
"""A patch agrees when its whitened error is at most this many times the median one."""

_PEAK_RATIO = 1.1
"""Least ratio of the score of the best shift to that of any shift more than :data:`NEAR` away."""

PRIOR_PX = 60.0
"""Standard deviation of the prior of the shift about zero, which decides where edges leave it open."""

_RIDGE_PX = 3.0
"""Largest standard deviation, across a line, of shifts that score about as well: they count as one shift that
is known in one direction only."""

_SMOOTH_PX = 1.5


class _Patches(NamedTuple):
    corners: NDArray[np.int64]
    """(N, 2), x and y in the shallow photo at half its size."""
    surfaces: NDArray[np.float32]
    """(N, 2 · REACH + 1, 2 · REACH + 1), correlation at every shift."""


def area_motion(wide: Gray8, shallow: Gray8) -> Coarse:
    """Find the motion from sharp patches.

    Args:
        wide: (height, width), at detection height.
        shallow: Likewise, of about the same size.

    Returns:
        The patches, and the motion that those that were found agree on.

    Raises:
        Rejected: ``too_few_matches``, when too little is sharp, no shift stands out, or too few are found.
    """
    if min(*wide.shape, *shallow.shape) < REDUCTION * PATCH:
        raise _too_few("the photos are too small to be matched by areas")
    patches = _look_for(halved(wide), halved(shallow))
    if len(patches.corners) < MIN_FOUND:
        raise _too_few(f"{len(patches.corners)} patches are sharp, fewer than {MIN_FOUND}")
    shift = _common_shift(patches.surfaces)
    places, found, information = _located(patches, shift)
    matches = Matches(
        resized_coordinate(_centres(patches.corners), float(REDUCTION)),
        resized_coordinate(places, float(REDUCTION)),
        whitening(information) / REDUCTION,
        Size(wide.shape[1], wide.shape[0]),
    )
    motion = _fit(matches, found)
    return Coarse(matches.shallow.astype(np.float32), matches.wide.astype(np.float32), motion)


def _look_for(wide: Gray8, shallow: Gray8) -> _Patches:
    """The sharpest patches of the shallow photo, and where they could lie in the wide one."""
    import cv2

    detail, own = (band(photo).detail for photo in (wide, shallow))
    padded = cv2.copyMakeBorder(detail, REACH, REACH, REACH, REACH, cv2.BORDER_CONSTANT)
    corners = _sharp_patches(shallow, own)
    corners = corners[(corners + PATCH <= wide.shape[::-1]).all(axis=1)]
    surfaces = np.empty((len(corners), 2 * REACH + 1, 2 * REACH + 1), np.float32)
    for surface, (x, y) in zip(surfaces, corners, strict=True):
        around = padded[y : y + PATCH + 2 * REACH, x : x + PATCH + 2 * REACH]
        surface[:] = cv2.matchTemplate(around, own[y : y + PATCH, x : x + PATCH], cv2.TM_CCORR_NORMED)
    return _Patches(corners, surfaces)


def _sharp_patches(photo: Gray8, detail: NDArray[np.float32]) -> NDArray[np.int64]:
    """(N, 2), corners of the patches with the strongest fine detail, spread over the frame."""
    import cv2

    values = photo.astype(np.float32)
    inner, outer = (cv2.GaussianBlur(values, (0, 0), sigma) for sigma in _COARSER_PX)
    fine, coarse = (
        np.sqrt(cv2.blur(plane**2, (PATCH, PATCH), anchor=(0, 0)))[_STARTS, _STARTS]
        for plane in (detail, np.asarray(inner - outer))
    )
    noise = _NOISE_TIMES * float(np.percentile(fine, _NOISE_PERCENTILE))
    least = min(max(noise, _LEAST_DETAIL), _MOST_DETAIL)
    rows, columns = np.nonzero((fine > least) & (fine > MIN_FINE_SHARE * coarse))
    order = np.argsort(-fine[rows, columns], kind="stable")
    cell = rows * CELLS // fine.shape[0] * CELLS + columns * CELLS // fine.shape[1]
    kept: list[int] = []
    taken = np.zeros(CELLS**2, int)
    for index in order:
        if taken[cell[index]] < PATCHES_PER_CELL:
            taken[cell[index]] += 1
            kept.append(int(index))
    kept = kept[:MAX_PATCHES]
    return np.asarray(STRIDE * np.column_stack([columns[kept], rows[kept]]), np.int64)


def _common_shift(surfaces: NDArray[np.float32]) -> NDArray[np.int64]:
    """(2,), x and y of the shift that most patches agree on.

    Raises:
        Rejected: another shift is about as good.
    """
    import cv2

    side = np.arange(-REACH, REACH + 1)
    prior = np.exp(-0.5 * (side[:, None] ** 2 + side**2) / PRIOR_PX**2).astype(np.float32)
    total = np.asarray(cv2.GaussianBlur(np.square(np.maximum(surfaces, 0)).sum(axis=0), (0, 0), _SMOOTH_PX))
    row, column = (int(index) for index in np.unravel_index(int((total * prior).argmax()), total.shape))
    good = total * _PEAK_RATIO > total[row, column]
    if not _is_one(good, row, column):
        raise _too_few("no shift of what is sharp in the shallow photo stands out in the wide one")
    return np.array([column, row]) - REACH


def _is_one(good: NDArray[np.bool_], row: int, column: int) -> bool:
    """Whether all good shifts are near one, or with it on one line, as along an edge."""
    import cv2

    rows, columns = np.nonzero(good)
    if (np.maximum(np.abs(rows - row), np.abs(columns - column)) <= NEAR).all():
        return True
    count, _ = cv2.connectedComponents(good.astype(np.uint8))
    across = np.linalg.eigvalsh(np.cov(np.stack([rows, columns])))[0]
    return bool(count == 2 and across < _RIDGE_PX**2)  # the background is a component too


def _located(
    patches: _Patches, shift: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Centres in the wide photo near the common shift, whether each was found, and its information."""
    count = len(patches.corners)
    places, information = np.empty((count, 2)), np.empty((count, 2, 2))
    found = np.empty(count, bool)
    middle = shift + REACH
    low = np.maximum(middle - NEAR, 1)
    high = np.minimum(middle + NEAR, 2 * REACH - 1)
    for index, surface in enumerate(patches.surfaces):
        near = surface[low[1] : high[1] + 1, low[0] : high[0] + 1]
        row, column = np.unravel_index(int(near.argmax()), near.shape)
        x, y = int(column) + int(low[0]), int(row) + int(low[1])
        found[index] = surface[y, x] > MIN_CORRELATION
        offset, information[index] = _peak(surface[y - 1 : y + 2, x - 1 : x + 2])
        places[index] = _centres(patches.corners[index]) + np.array([x - REACH, y - REACH]) + offset
    return places, found, information


def _centres(corners: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(corners + (PATCH - 1) / 2, np.float64)


def _peak(values: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offset of the top of a correlation surface from the middle of 3 x 3 values, and its information.

    The surface is 1 − |detail − moved|² / 2 of details of unit length, so its bend, over what is left at the
    top, is the information of the shift.
    """
    v = values.astype(np.float64)
    gradient = 0.5 * np.array([v[1, 2] - v[1, 0], v[2, 1] - v[0, 1]])
    bend_xy = 0.25 * (v[2, 2] - v[2, 0] - v[0, 2] + v[0, 0])
    bend = -np.array(
        [
            [v[1, 2] - 2 * v[1, 1] + v[1, 0], bend_xy],
            [bend_xy, v[2, 1] - 2 * v[1, 1] + v[0, 1]],
        ]
    )
    bends, vectors = np.linalg.eigh(bend)
    bend = vectors @ np.diag(np.maximum(bends, 1e-6)) @ vectors.T
    offset = np.clip(np.linalg.solve(bend, gradient), -1, 1)
    left = max(1 - v[1, 1] ** 2, 1e-3)
    independent = PATCH**2 / 8
    return offset, np.asarray(independent * bend / left)


def _fit(matches: Matches, found: NDArray[np.bool_]) -> Motion:
    """A shift, and a similarity when enough patches agree with it.

    Raises:
        Rejected: ``too_few_matches``, when too few were found.
    """
    if found.sum() < max(MIN_FOUND, MIN_FOUND_SHARE * len(found)):
        raise _too_few(f"{found.sum()} of {len(found)} sharp patches are in the wide photo")
    start = np.eye(3)
    start[:2, 2] = np.median((matches.wide - matches.shallow)[found], axis=0)
    H, kind = refine_irls(matches.subset(found), MotionModel.TRANSLATION, start), MotionModel.TRANSLATION
    if found.sum() >= MIN_FOR_SIMILARITY:
        H, kind = refine_irls(matches.subset(found), MotionModel.SIMILARITY, H), MotionModel.SIMILARITY
    error = matches.whitened_error(H)
    return Motion(H, np.asarray(found & (error < INLIER_MEDIANS * max(np.median(error[found]), 1.0))), kind)


def _too_few(message: str) -> Rejected:
    return Rejected(Reason.TOO_FEW_MATCHES, message)
