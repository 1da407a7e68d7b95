"""The motion between the two photos of a pair: the simplest model that explains the matches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import Reason, Rejected
from ebb.geometry.models import Matches, MotionModel, polish, robust_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Homography, Mask, Points2d, Size

MIN_MATCHES = 12
"""Below this a robust fit means nothing: any four matches fit a homography perfectly."""

MIN_HOMOGRAPHY_INLIERS = 80
MIN_HOMOGRAPHY_COVERAGE = 1 / 3
"""What a homography needs before its four extra parameters are trusted; with less it bends the corners."""

MAX_ROUNDS = 5
"""Rounds of choosing inliers and polishing on them; they settle in two or three."""

MAX_ERROR_RATIO = 0.97
"""A richer model must bring the held-out error below this share of the simpler one's; rendered pairs with a
turn of the camera give 0.78 to 0.88."""

GRID = 4
"""Inliers are counted, and held out, by the cells of this grid over the frame."""

NUM_FOLDS = 4


@dataclass(frozen=True)
class Motion:
    """How the shallow photo maps onto the wide one.

    Attributes:
        H_shallow_to_wide: (3, 3), H[2, 2] = 1.
        inliers: (N,), which of the given matches agree with it.
        kind: The model it belongs to.
    """

    H_shallow_to_wide: Homography
    inliers: Mask
    kind: MotionModel


def estimate(
    points_shallow: Points2d,
    points_wide: Points2d,
    size: Size,
    threshold_px: float,
    *,
    sigmas_px: NDArray[np.float64] | None = None,
    model: MotionModel | None = None,
) -> Motion:
    """Find the motion that most matches agree on.

    Each model starts from OpenCV's robust estimate and is polished on all its inliers. A homography is taken
    when it has support, and predicts matches in regions held out of the fit better than the similarity does.

    Args:
        points_shallow: (N, 2), locations in the shallow photo.
        points_wide: (N, 2), the same places in the wide photo.
        size: Of the wide photo, at the scale of the points.
        threshold_px: Largest transfer error of an inlier.
        sigmas_px: (N,), how well each match is located; equal if not given.
        model: Fit this model and no other.

    Raises:
        Rejected: ``too_few_matches`` or ``too_few_inliers``, when there is nothing to fit.
    """
    num_matches = len(points_shallow)
    if num_matches < MIN_MATCHES:
        raise Rejected(
            Reason.TOO_FEW_MATCHES,
            f"{num_matches} matches, fewer than {MIN_MATCHES}",
            figures={"num_matches": num_matches},
        )
    sigmas = np.ones(num_matches) if sigmas_px is None else sigmas_px
    matches = Matches(points_shallow.astype(np.float64), points_wide.astype(np.float64), sigmas, size)
    kinds = tuple(MotionModel) if model is None else (model,)
    motions = [motion for kind in kinds if (motion := _fit(matches, kind, threshold_px)) is not None]
    if not motions:
        raise Rejected(
            Reason.TOO_FEW_INLIERS,
            f"no motion brings {MIN_MATCHES} of {num_matches} matches within {threshold_px:g} px",
            figures={"num_matches": num_matches, "num_inliers": 0},
        )
    return _simplest(matches, motions, threshold_px)


def _fit(matches: Matches, kind: MotionModel, threshold_px: float) -> Motion | None:
    """Polish and choose inliers in turn until they settle; None when too few agree."""
    H = robust_start(matches, kind, threshold_px)
    if H is None:
        return None
    inliers = matches.error_px(H) < threshold_px
    for _ in range(MAX_ROUNDS):
        if inliers.sum() < MIN_MATCHES:
            return None
        H = polish(matches.subset(inliers), kind, H)
        before, inliers = inliers, matches.error_px(H) < threshold_px
        if np.array_equal(before, inliers):
            break
    return Motion(H, inliers, kind)


def _simplest(matches: Matches, motions: list[Motion], threshold_px: float) -> Motion:
    """Walk up the ladder; a step up needs support and a lower held-out error."""
    chosen, *richer = motions
    for motion in richer:
        judged = matches.subset(chosen.inliers | motion.inliers)
        before, after = (_held_out_error(judged, one, threshold_px) for one in (chosen, motion))
        if _is_supported(matches, motion) and after < MAX_ERROR_RATIO * before:
            chosen = motion
    return chosen


def _is_supported(matches: Matches, motion: Motion) -> bool:
    occupied = len(np.unique(_cells(matches.subset(motion.inliers)), axis=0))
    return bool(
        motion.inliers.sum() >= MIN_HOMOGRAPHY_INLIERS and occupied >= MIN_HOMOGRAPHY_COVERAGE * GRID**2
    )


def _held_out_error(matches: Matches, motion: Motion, threshold_px: float) -> float:
    """Mean transfer error in regions held out of the fit, each error capped at the threshold.

    Whole cells are held out, not single matches: a model that bends to its neighbours must extrapolate.
    """
    columns, rows = _cells(matches).T
    fold = (columns + 2 * rows) % NUM_FOLDS  # every fold touches every row and every other column
    total = 0.0
    for held_out in (fold == index for index in range(NUM_FOLDS)):
        rest = matches.subset(~held_out)
        H = motion.H_shallow_to_wide
        if len(rest) >= MIN_MATCHES:
            H = polish(rest, motion.kind, H)
        total += float(np.minimum(matches.subset(held_out).error_px(H), threshold_px).sum())
    return total / len(matches)


def _cells(matches: Matches) -> NDArray[np.int64]:
    """(N, 2), column and row of each match in the grid over the wide photo."""
    cells = ((matches.wide + 0.5) * GRID / (matches.size.width, matches.size.height)).astype(np.int64)
    return np.clip(cells, 0, GRID - 1)
