"""Is something sharp in both photos, and how much blurrier is the rest of the shallow one?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Homography, Mask

BLURS_PX = (0.0, 1.0, 2.0, 4.0, 8.0, 12.0)
"""Standard deviations of the Gaussians that the wide photo is blurred with, to see which makes it look like
the shallow one; a disc of diameter d has one of d / 4."""

DISC_PER_SIGMA = 4.0
REDUCTION = 2
_CELL = 16
_SHADING_PX = 16.0
_MIN_DETAIL = 1.0
"""Standard deviation of grey values below which a cell of the wide photo shows no blur."""

_NOISE_PERCENTILE, _NOISE_TIMES = 10, 3.0
"""The emptiest tenth of the tiles shows the noise; clear detail is three times that."""

_CLEAR_CONTRAST = 0.01
_SHARP_SHARE = 0.6
_SAME_DETAIL = 0.5
_FEWEST_CLEAR = 8


class FocusFigures(NamedTuple):
    """What is in focus.

    Attributes:
        focus_share: Tiles that are sharp in both photos, as a share of all.
        sharpness_wide: Contrast of fine detail there in the wide photo: standard deviation over mean.
        sharpness_shallow: The same in the shallow photo.
        focus_correlation: Median correlation of the detail of both photos there.
        residual_px: Median distance by which those tiles still miss each other.
        residual_p95_px: The distance that one tile in twenty exceeds.
        focus_mismatch: Of the tiles with clear detail in both photos, the share where the detail differs:
            something moved, or the alignment follows another plane than the one in focus.
    """

    focus_share: float
    sharpness_wide: float
    sharpness_shallow: float
    focus_correlation: float
    residual_px: float
    residual_p95_px: float
    focus_mismatch: float


def focus_figures(
    in_focus: Mask,
    contrast_wide: NDArray[np.float64],
    contrast_shallow: NDArray[np.float64],
    correlation: NDArray[np.float64],
    shifts: NDArray[np.float64],
) -> FocusFigures:
    """Sum up tiles.

    Args:
        in_focus: (N,), tiles sharp in both photos.
        contrast_wide: (N,), contrast of fine detail in the wide photo.
        contrast_shallow: (N,), the same in the shallow photo.
        correlation: (N,), of the detail of both.
        shifts: (N, 2), how far each tile misses.

    Returns:
        The figures; NaN where no tile is in focus.
    """
    mismatch = _mismatch(contrast_wide, contrast_shallow, correlation)
    if not in_focus.any():
        return FocusFigures(0.0, np.nan, np.nan, np.nan, np.nan, np.nan, mismatch)
    distance = np.linalg.norm(shifts[in_focus], axis=1)
    return FocusFigures(
        focus_share=float(in_focus.mean()),
        sharpness_wide=float(np.median(contrast_wide[in_focus])),
        sharpness_shallow=float(np.median(contrast_shallow[in_focus])),
        focus_correlation=float(np.median(correlation[in_focus])),
        residual_px=float(np.median(distance)),
        residual_p95_px=float(np.percentile(distance, 95)),
        focus_mismatch=mismatch,
    )


def _mismatch(
    contrast_wide: NDArray[np.float64],
    contrast_shallow: NDArray[np.float64],
    correlation: NDArray[np.float64],
) -> float:
    """Share of the clear tiles whose detail differs; NaN when there are none."""
    if len(correlation) == 0:
        return np.nan
    floors = [
        max(_NOISE_TIMES * float(np.percentile(contrast, _NOISE_PERCENTILE)), _CLEAR_CONTRAST)
        for contrast in (contrast_wide, contrast_shallow)
    ]
    clear = (contrast_wide > floors[0]) & (contrast_shallow > floors[1])
    clear &= contrast_shallow > _SHARP_SHARE * contrast_wide
    if clear.sum() < _FEWEST_CLEAR:
        return np.nan
    return float((correlation[clear] < _SAME_DETAIL).mean())


def defocus_px(wide: Gray8, shallow: Gray8, H_shallow_to_wide: Homography) -> NDArray[np.float64]:
    """Blur that the shallow photo has more than the wide one, on a grid of cells of 32 px.

    Args:
        wide: (height, width).
        shallow: Any size.
        H_shallow_to_wide: Between these two.

    Returns:
        (rows, columns), diameter of a disc in pixels, one of :data:`BLURS_PX` times 4; NaN where the wide
        photo has no detail or the shallow one ends.
    """
    import cv2

    size = (wide.shape[1] // REDUCTION // _CELL * _CELL, wide.shape[0] // REDUCTION // _CELL * _CELL)
    full = (size[0] * REDUCTION, size[1] * REDUCTION)
    moved = cv2.warpPerspective(shallow, H_shallow_to_wide, full, flags=cv2.INTER_LINEAR, borderValue=0)
    small, blurred = (
        np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.float32)
        for photo in (wide[: full[1], : full[0]], np.asarray(moved))
    )
    target = _detail(blurred)
    scores = np.stack([_correlation(_detail(_blur(small, sigma / REDUCTION)), target) for sigma in BLURS_PX])
    found = DISC_PER_SIGMA * np.asarray(BLURS_PX)[scores.argmax(axis=0)]
    detail = _cell_mean(_detail(small) ** 2)
    there = _cell_mean((blurred > 0).astype(np.float32)) > 0.99
    return np.where(there & (detail > _MIN_DETAIL**2), found, np.nan)


def median_of(blurs: NDArray[np.float64]) -> float:
    """Median over what :func:`defocus_px` found; NaN where nothing can be said."""
    known = blurs[np.isfinite(blurs)]
    return float(np.median(known)) if len(known) else np.nan


def defocus_map(blurs: NDArray[np.float64], grid: int = 4) -> list[float | None]:
    """Median of :func:`defocus_px` in each part of the frame.

    Returns:
        ``grid`` x ``grid`` values, row by row; ``None`` where nothing can be said.
    """
    parts = [part for rows in np.array_split(blurs, grid) for part in np.array_split(rows, grid, axis=1)]
    medians = [median_of(part) for part in parts]
    return [median if np.isfinite(median) else None for median in medians]


def _blur(photo: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.GaussianBlur(photo, (0, 0), sigma), np.float32) if sigma else photo


def _detail(photo: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(photo - _blur(photo, _SHADING_PX / REDUCTION))


def _correlation(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    tiny = np.float32(1e-6)
    return np.asarray(
        _cell_mean(first * second) / np.sqrt(_cell_mean(first**2) * _cell_mean(second**2) + tiny)
    )


def _cell_mean(photo: NDArray[np.float32]) -> NDArray[np.float32]:
    import cv2

    size = (photo.shape[1] // _CELL, photo.shape[0] // _CELL)
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.float32)
