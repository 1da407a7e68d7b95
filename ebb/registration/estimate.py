"""The motion between two photos: from keypoints first, then refined on what is in focus."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ebb.geometry.models import MotionModel
from ebb.registration.coarse import Search, coarse_motion
from ebb.registration.refinement import refine
from ebb.registration.tiles import pyramid

if TYPE_CHECKING:
    from ebb.arrays import Points2d
    from ebb.geometry.models import Motion
    from ebb.registration.detection import DetectionPhoto
    from ebb.registration.refinement import Refinement
    from ebb.settings import AlignSettings


class MotionEstimate(NamedTuple):
    """The motion between two photos at detection height, and what it was found from."""

    points_shallow: Points2d
    """(N, 2), matched places in the shallow photo."""
    points_wide: Points2d
    motion: Motion
    """What the matches agree on."""
    refinement: Refinement
    """The same, refined on what is in focus."""


def find_motion(wide: DetectionPhoto, shallow: DetectionPhoto, settings: AlignSettings) -> MotionEstimate:
    """Match keypoints, fit the motion, refine it on what is in focus.

    Raises:
        Rejected: no motion explains the matches.
    """
    model = None if settings.motion == "auto" else MotionModel(settings.motion)
    search = Search(
        max_keypoints=settings.max_keypoints,
        match_ratio=settings.match_ratio,
        threshold_px=settings.ransac_threshold_px,
        unit_px=wide.unit_px,
        min_inliers=settings.min_inliers,
        model=model,
        robust=settings.robust,
    )
    coarse = coarse_motion(wide.gray, shallow.gray, search)
    return MotionEstimate(*coarse, refine(pyramid(wide.gray), pyramid(shallow.gray), coarse.motion, model))
