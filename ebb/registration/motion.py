"""The motion between the two photos of a pair: a robust fit of each model, and model selection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import Reason, Rejected
from ebb.geometry.models import Matches, Motion, MotionModel, Robust, refine_irls, robust_start
from ebb.registration.model_selection import select_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Points2d, Size

MAX_ROUNDS = 5
"""Rounds of choosing inliers and IRLS on them; they settle in two or three."""


def estimate(
    points_shallow: Points2d,
    points_wide: Points2d,
    size: Size,
    threshold_px: float,
    *,
    min_inliers: int,
    sigmas_px: NDArray[np.float64] | None = None,
    model: MotionModel | None = None,
    robust: Robust = "usac",
    unit_px: float = 1.0,
) -> Motion:
    """Find the motion that most matches agree on.

    Each model starts from OpenCV's robust estimate and is refined by IRLS on all its inliers. A richer
    model is taken when it has support, and predicts matches in regions held out of the fit better.

    Args:
        points_shallow: (N, 2), locations in the shallow photo.
        points_wide: (N, 2), the same places in the wide photo.
        size: Of the wide photo, at the scale of the points.
        threshold_px: Largest transfer error of an inlier, in pixels at 1024 px height.
        min_inliers: With fewer matches that agree there is no motion; any four fit a homography perfectly.
        sigmas_px: (N,), how well each match is located; equal if not given.
        model: Fit this model and no other.
        robust: How OpenCV samples the first homography.
        unit_px: Pixels at 1024 px height for each pixel of the points.

    Raises:
        Rejected: ``too_few_matches`` or ``too_few_inliers``, when there is nothing to fit.
    """
    num_matches = len(points_shallow)
    if num_matches < min_inliers:
        raise Rejected(
            Reason.TOO_FEW_MATCHES,
            f"{num_matches} matches, fewer than {min_inliers}",
            measurements={"num_matches": num_matches},
        )
    sigmas = np.ones(num_matches) if sigmas_px is None else sigmas_px
    matches = Matches.isotropic(
        points_shallow.astype(np.float64), points_wide.astype(np.float64), sigmas, size
    )
    kinds = tuple(MotionModel) if model is None else (model,)
    fits = (_fit(matches, kind, threshold_px / unit_px, min_inliers, robust) for kind in kinds)
    motions = [motion for motion in fits if motion is not None]
    if not motions:
        raise Rejected(
            Reason.TOO_FEW_INLIERS,
            f"no motion brings {min_inliers} of {num_matches} matches within {threshold_px:g} px",
            measurements={"num_matches": num_matches, "num_inliers": 0},
        )
    return select_model(matches, motions)


def _fit(
    matches: Matches, kind: MotionModel, threshold_px: float, min_inliers: int, robust: Robust
) -> Motion | None:
    """IRLS and choice of inliers in turn until they settle; None when too few agree."""
    H = robust_start(matches, kind, threshold_px, robust)
    if H is None:
        return None
    inliers = matches.error_px(H) < threshold_px
    for _ in range(MAX_ROUNDS):
        if inliers.sum() < min_inliers:
            return None
        H = refine_irls(matches.subset(inliers), kind, H)
        before, inliers = inliers, matches.error_px(H) < threshold_px
        if np.array_equal(before, inliers):
            break
    return Motion(H, inliers, kind)
