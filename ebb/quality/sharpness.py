"""Is something sharp in both photos, and does it match?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.quality.blur_map import MAX_UNEXPLAINED

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

_CHANGED, _NOT_BLURRED = 0.5, 0.7
"""Where blur explains less than half of the detail, and the shallow photo has 0.7 of the energy of that of
the wide one, something changed that is not blurred."""


class SharpTiles(NamedTuple):
    """Tiles that are clear and sharp in the shallow photo."""

    same: Mask
    """(N,), those whose detail the wide photo shows too."""
    other: Mask
    """(N,), those whose detail it does not show."""

    @property
    def num_same(self) -> int:
        """How many show the same."""
        return int(self.same.sum())

    @property
    def num_other(self) -> int:
        """How many do not."""
        return int(self.other.sum())


class FocusMeasurements(NamedTuple):
    """What is in focus.

    Attributes:
        focus_share: Tiles whose blur disc in the shallow photo is surely small, as a share of those that show
            their blur: a plain wall is neither sharp nor blurred.
        sharpness_wide: Contrast of fine detail in the wide photo, where the motion was refined: standard
            deviation over mean.
        sharpness_shallow: The same in the shallow photo.
        focus_correlation: Median correlation of the detail of both photos there.
        residual_px: Median distance by which regions of those tiles still miss each other.
        residual_p95_px: The distance that one region in twenty exceeds.
        focus_mismatch: Of the tiles that are clear and sharp in the shallow photo, the share whose detail is
            not in the wide one: something moved, or the alignment follows another plane than what is sharp.
        changed_in_focus: Share of all tiles that lie in solid blocks of 3 x 3 such tiles: a thing that moved,
            and not leaves in the wind or the edges of blurred lights.
    """

    focus_share: float
    sharpness_wide: float
    sharpness_shallow: float
    focus_correlation: float
    residual_px: float
    residual_p95_px: float
    focus_mismatch: float
    changed_in_focus: float


def measure_focus(
    in_focus: Mask,
    places: NDArray[np.int64],
    discs_px: NDArray[np.float64],
    unexplained: NDArray[np.float64],
    kept: NDArray[np.float64],
    smooth_changes: Mask,
    contrast_wide: NDArray[np.float64],
    contrast_shallow: NDArray[np.float64],
    correlation: NDArray[np.float64],
    misses_px: NDArray[np.float64],
) -> FocusMeasurements:
    """Sum up tiles.

    Args:
        in_focus: (N,), tiles that the motion was refined on.
        places: (N, 2), column and row of each.
        discs_px: (N,), largest likely blur disc of each in the shallow photo.
        unexplained: (N,), share of the detail that blur does not explain; NaN for tiles without enough detail
            to tell blurred from sharp.
        kept: (N,), energy of the detail of the shallow photo over that of the wide one; NaN likewise.
        smooth_changes: (N,), tiles whose surroundings differ in structure that is coarser than detail.
        contrast_wide: (N,), contrast of fine detail in the wide photo.
        contrast_shallow: (N,), the same in the shallow photo.
        correlation: (N,), of the detail of both.
        misses_px: (K,), how far the region of each of the K tiles in focus misses.

    Returns:
        NaN where no tile is in focus.
    """
    shows_blur = np.isfinite(unexplained)
    focus_share = float((discs_px[shows_blur] < SHARP_DISC_PX).mean()) if shows_blur.any() else 0.0
    same, other = sharp_tiles(contrast_wide, contrast_shallow, correlation)
    differs = other & (unexplained > MAX_UNEXPLAINED)  # what blur explains is noise, not another thing
    mismatch = _mismatch(same, differs)
    # a smooth subject that moved has little fine detail: there the coarser detail, as strong as ever, tells
    changed = differs | ((unexplained > _CHANGED) & (kept > _NOT_BLURRED)) | smooth_changes
    changed_share = _solid_share(changed, places)
    if not in_focus.any():
        return FocusMeasurements(focus_share, np.nan, np.nan, np.nan, np.nan, np.nan, mismatch, changed_share)
    return FocusMeasurements(
        focus_share=focus_share,
        sharpness_wide=float(np.median(contrast_wide[in_focus])),
        sharpness_shallow=float(np.median(contrast_shallow[in_focus])),
        focus_correlation=float(np.median(correlation[in_focus])),
        residual_px=float(np.median(misses_px)),
        residual_p95_px=float(np.percentile(misses_px, 95)),
        focus_mismatch=mismatch,
        changed_in_focus=changed_share,
    )


def sharp_tiles(
    contrast_wide: NDArray[np.float64],
    contrast_shallow: NDArray[np.float64],
    correlation: NDArray[np.float64],
) -> SharpTiles:
    """Tiles with detail in the shallow photo that is above the noise and as fine as in the wide one.

    Args:
        contrast_wide: (N,), contrast of fine detail in the wide photo.
        contrast_shallow: (N,), the same in the shallow photo.
        correlation: (N,), of the detail of both.
    """
    if len(contrast_shallow) == 0:
        return SharpTiles(np.zeros(0, bool), np.zeros(0, bool))
    noise = _NOISE_TIMES * float(np.percentile(contrast_shallow, _NOISE_PERCENTILE))
    clear = contrast_shallow > max(noise, _CLEAR_CONTRAST)
    clear &= contrast_shallow > _SHARP_SHARE * contrast_wide
    return SharpTiles(clear & (correlation >= _SAME_DETAIL), clear & (correlation < _SAME_DETAIL))


def _mismatch(same: Mask, differs: Mask) -> float:
    """Share of the sharp tiles that differ; NaN with too few."""
    count = same.sum() + differs.sum()
    return float(differs.sum() / count) if count >= _FEWEST_CLEAR else np.nan


def _solid_share(chosen: Mask, places: NDArray[np.int64]) -> float:
    """Share of all tiles in blocks of 3 x 3 chosen ones."""
    import cv2

    if not chosen.any():
        return 0.0
    grid = np.zeros(tuple(places.max(axis=0)[::-1] + 1), np.uint8)
    grid[places[chosen, 1], places[chosen, 0]] = 1
    block = np.ones((3, 3), np.uint8)
    eroded = cv2.erode(grid, block, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return float(cv2.dilate(eroded, block).sum() / len(chosen))
