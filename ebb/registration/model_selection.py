"""Model selection: a richer motion model is taken only when it predicts held-out matches better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.geometry.models import RAYLEIGH_MEDIAN, ROUGH_TOLERANCE, MotionModel, refine_irls
from ebb.geometry.pixel_grid import grid_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebb.arrays import Homography, Mask
    from ebb.geometry.models import Matches, Motion

MIN_HOMOGRAPHY_INLIERS = 80
MIN_HOMOGRAPHY_COVERAGE = 1 / 3
"""What a homography needs before its free parameters are trusted; with less it bends the corners."""

MAX_ERROR_RATIO = {MotionModel.SIMILARITY: 0.98, MotionModel.ROTATION: 0.98, MotionModel.HOMOGRAPHY: 0.9}
"""A richer model must bring the held-out error below this share of the simpler one's. Simulated rotations of
the camera give 0.55 to 0.97 from similarity to rotation, and 0.95 to 1.08 from there to a homography."""

GRID = 4
"""Inliers are counted, and held out, by the cells of this grid over the frame."""

NUM_FOLDS = 4
MIN_TRAINING = 12

CAP = 5.0
"""Errors count at most this many standard deviations: a stray match must not choose the model."""


def select_model(matches: Matches, motions: Sequence[Motion]) -> Motion:
    """Choose among fitted models: a richer one needs support and a lower held-out error.

    Args:
        matches: What all motions were fitted to.
        motions: Simplest first; at least one.
    """
    chosen, *richer = motions
    cap = error_cap(matches.subset(motions[-1].inliers), motions[-1].H_shallow_to_wide)
    for motion in richer:
        judged = matches.subset(chosen.inliers | motion.inliers)
        before, after = (
            held_out_error(judged, one.kind, one.H_shallow_to_wide, cap) for one in (chosen, motion)
        )
        if _is_supported(matches, motion) and after < MAX_ERROR_RATIO[motion.kind] * before:
            chosen = motion
    return chosen


def error_cap(matches: Matches, H: Homography) -> float:
    """What a whitened error counts at most: five standard deviations, the expected or the found one."""
    return CAP * max(1.0, float(np.median(matches.whitened_error(H))) / RAYLEIGH_MEDIAN)


def held_out_error(matches: Matches, kind: MotionModel, H: Homography, cap: float, grid: int = GRID) -> float:
    """Mean whitened error in regions held out of the fit, each error capped.

    Whole cells are held out, not single matches: a model that bends to its neighbours must extrapolate.
    """
    total = 0.0
    for held_out in folds(matches, grid):
        rest = matches.subset(~held_out)
        fitted = refine_irls(rest, kind, H, ROUGH_TOLERANCE) if len(rest) >= MIN_TRAINING else H
        total += float(np.minimum(matches.subset(held_out).whitened_error(fitted), cap).sum())
    return total / len(matches)


def folds(matches: Matches, grid: int) -> list[Mask]:
    """Which matches each fold holds out."""
    columns, rows = grid_cells(matches.wide, matches.size, grid).T
    fold = (columns + 2 * rows) % NUM_FOLDS  # every fold touches every row and every other column
    return [fold == index for index in range(NUM_FOLDS)]


def _is_supported(matches: Matches, motion: Motion) -> bool:
    if motion.kind is not MotionModel.HOMOGRAPHY:
        return True
    occupied = len(np.unique(grid_cells(matches.wide[motion.inliers], matches.size, GRID), axis=0))
    return bool(
        motion.inliers.sum() >= MIN_HOMOGRAPHY_INLIERS and occupied >= MIN_HOMOGRAPHY_COVERAGE * GRID**2
    )
