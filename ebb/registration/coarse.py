"""The motion from keypoints: a cheap look first, a closer one where that shows too little."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.arrays import Size
from ebb.errors import Rejected
from ebb.registration.keypoints import CONTRAST_THRESHOLD, Keypoints, detect
from ebb.registration.matching import match
from ebb.registration.motion import estimate

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Points2d
    from ebb.geometry.models import Motion, MotionModel, Robust


class Look(NamedTuple):
    """One way to look at a pair."""

    height: int
    """Photo height at which keypoints are looked for; a photo that is lower stays as it is."""
    contrast: float
    """Weakest keypoints to find."""
    reach: float
    """Keypoints farther apart are not compared, as a share of the frame's diagonal."""


LOOKS = (Look(512, CONTRAST_THRESHOLD, np.inf), Look(1024, CONTRAST_THRESHOLD / 2, 0.12))
"""The second look only where the first shows too little. SIFT doubles the photo first, so 512 already sees
everything of 1024 but its finest third of an octave; it costs a quarter, and the motion is within 0.06 px of
that of all of 1024 before refinement. The second is for photos with hardly any texture: among the weak
keypoints only those are compared that a hand can have brought so far, which triples the right matches."""

ENOUGH_INLIERS = 60
"""Inliers at which a look has shown enough."""


class Search(NamedTuple):
    """How the motion is looked for."""

    max_keypoints: int
    """For each photo at 1024 px height; half as many at half the height."""
    match_ratio: float
    """As in :func:`ebb.registration.matching.match`."""
    threshold_px: float
    """Largest transfer error of an inlier, in pixels at 1024 px height."""
    min_inliers: int
    """With fewer matches that agree there is no motion."""
    model: MotionModel | None = None
    """Fit this model and no other."""
    robust: Robust = "usac"
    """How OpenCV samples the first homography."""
    unit_px: float = 1.0
    """Pixels at 1024 px height for each pixel of the photos."""


class Coarse(NamedTuple):
    """Matches of a pair and the motion that they agree on, in pixels of the given photos."""

    points_shallow: Points2d
    points_wide: Points2d
    motion: Motion

    @property
    def num_inliers(self) -> int:
        """Matches that agree with the motion."""
        return int(self.motion.inliers.sum())


def coarse_motion(
    wide: Gray8, shallow: Gray8, search: Search, seen: dict[Look, Keypoints] | None = None
) -> Coarse:
    """Find keypoints, match them and fit the motion, with one look after the other until one shows enough.

    Args:
        wide: (height, width).
        shallow: Any size.
        search: Limits and choices.
        seen: Keypoints of the wide photo that were found for another shallow photo with the same limits; new
            ones are added.

    Returns:
        What the look with the most inliers shows.

    Raises:
        Rejected: no look finds a motion that explains the matches.
    """
    found: list[Coarse] = []
    failure: Rejected | None = None
    for look in LOOKS:
        try:
            found.append(_at(look, wide, shallow, search, {} if seen is None else seen))
        except Rejected as error:
            failure = error
        if found and found[-1].num_inliers >= ENOUGH_INLIERS:
            break
    if failure and not found:
        raise failure
    return max(found, key=lambda one: one.num_inliers)


def _at(look: Look, wide: Gray8, shallow: Gray8, search: Search, seen: dict[Look, Keypoints]) -> Coarse:
    budget = round(search.max_keypoints * look.height / LOOKS[-1].height)
    scale = min(1.0, look.height / len(wide))
    a = _detect(shallow, scale, budget, look.contrast)
    b = seen[look] = seen.get(look) or _detect(wide, scale, budget, look.contrast)
    of_a, of_b = match(a, b, search.match_ratio, look.reach * float(np.hypot(*wide.shape))).T
    motion = estimate(
        a.points[of_a],
        b.points[of_b],
        Size(wide.shape[1], wide.shape[0]),
        search.threshold_px,
        min_inliers=search.min_inliers,
        sigmas_px=np.hypot(a.sigmas_px[of_a], b.sigmas_px[of_b]),
        model=search.model,
        robust=search.robust,
        unit_px=search.unit_px,
    )
    return Coarse(a.points[of_a], b.points[of_b], motion)


def _detect(photo: Gray8, scale: float, max_keypoints: int, contrast: float) -> Keypoints:
    """Keypoints of the photo resized by ``scale``, in its own pixels."""
    import cv2

    if scale == 1.0:
        return detect(photo, max_keypoints, contrast)
    height, width = (round(side * scale) for side in photo.shape)
    small = np.asarray(cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return detect(small, max_keypoints, contrast).at_scale((photo.shape[1] / width, photo.shape[0] / height))
