"""Is something sharp in both photos, and does it match?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Mask

SHARP_DISC_PX = 4.0
"""A tile is sharp in the shallow photo when its largest likely blur disc, at 1024 px height, is smaller."""

_NOISE_PERCENTILE, _NOISE_TIMES = 10, 3.0
"""The emptiest tenth of the tiles shows the noise; clear detail is three times that."""

_CLEAR_CONTRAST = 0.01
_SHARP_SHARE = 0.6
_SAME_DETAIL = 0.5
_FEWEST_CLEAR = 8


class FocusMeasurements(NamedTuple):
    """What is in focus.

    Attributes:
        focus_share: Tiles whose blur disc in the shallow photo is surely small, as a share of all.
        sharpness_wide: Contrast of fine detail in the wide photo, where the motion was refined: standard
            deviation over mean.
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


def measure_focus(
    in_focus: Mask,
    discs_px: NDArray[np.float64],
    contrast_wide: NDArray[np.float64],
    contrast_shallow: NDArray[np.float64],
    correlation: NDArray[np.float64],
    shifts: NDArray[np.float64],
) -> FocusMeasurements:
    """Sum up tiles.

    Args:
        in_focus: (N,), tiles that the motion was refined on.
        discs_px: (N,), largest likely blur disc of each in the shallow photo.
        contrast_wide: (N,), contrast of fine detail in the wide photo.
        contrast_shallow: (N,), the same in the shallow photo.
        correlation: (N,), of the detail of both.
        shifts: (N, 2), how far each tile misses.

    Returns:
        NaN where no tile is in focus.
    """
    mismatch = _mismatch(contrast_wide, contrast_shallow, correlation)
    focus_share = float((discs_px < SHARP_DISC_PX).mean()) if len(discs_px) else 0.0
    if not in_focus.any():
        return FocusMeasurements(focus_share, np.nan, np.nan, np.nan, np.nan, np.nan, mismatch)
    distance = np.linalg.norm(shifts[in_focus], axis=1)
    return FocusMeasurements(
        focus_share=focus_share,
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
