"""Registration for a person to look at: nothing stops at a gate, and everything found on the way is kept."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import Rejected
from ebb.geometry.crop import stored_size
from ebb.quality.gates import rejections
from ebb.registration.detection import DetectionPhoto, detection_photo
from ebb.registration.estimate import MotionEstimate, find_motion
from ebb.registration.keypoints import detect
from ebb.registration.matching import match
from ebb.registration.measure import Registration, measure
from ebb.registration.register import check_exposure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebb.arrays import Mask, Points2d
    from ebb.photo.frame import Frame
    from ebb.settings import AlignSettings


@dataclass
class Examination:
    """All that is known of the registration of one pair, whatever the gates say."""

    wide: DetectionPhoto
    shallow: DetectionPhoto
    points_shallow: Points2d
    """(N, 2), matched places in the shallow photo at detection height."""
    points_wide: Points2d
    inliers: Mask
    """(N,), matches that agree with the motion; none when there is no motion."""
    estimate: MotionEstimate | None
    registration: Registration | None
    rejections: list[Rejected]
    """What every gate that rejects the pair has to say, the one that decides first."""


def examine(wide: Frame, shallow: Frame, settings: AlignSettings, prior_ev: float | None) -> Examination:
    """Do what :func:`ebb.registration.register.register` does, but go on where a gate rejects the pair."""
    photos = detection_photo(wide), detection_photo(shallow)
    rejected: list[Rejected] = []
    estimate, registration = None, None
    with _noting(rejected):
        check_exposure(*photos, settings)
    with _noting(rejected):
        estimate = find_motion(*photos, settings)
        registration = measure(*photos, estimate, settings, prior_ev)
        found = rejections(registration.measurements, settings)
        rejected += [rejection for rejection in found if not _is_in(rejection, rejected)]
        stored_size(registration.crop, settings.height)
    points_shallow, points_wide, inliers = _matches(photos, estimate, settings)
    return Examination(*photos, points_shallow, points_wide, inliers, estimate, registration, rejected)


@contextmanager
def _noting(rejected: list[Rejected]) -> Iterator[None]:
    """Note what a gate in the block has to say, and go on behind the block."""
    try:
        yield
    except Rejected as error:
        rejected.append(error)


def _is_in(rejection: Rejected, others: list[Rejected]) -> bool:
    return any((rejection.reason, rejection.message) == (other.reason, other.message) for other in others)


def _matches(
    photos: tuple[DetectionPhoto, DetectionPhoto], estimate: MotionEstimate | None, settings: AlignSettings
) -> tuple[Points2d, Points2d, Mask]:
    """Matches of the motion; without one, those of all keypoints."""
    if estimate is not None:
        return estimate.points_shallow, estimate.points_wide, estimate.motion.inliers
    wide, shallow = (detect(photo.gray, settings.max_keypoints) for photo in photos)
    of_shallow, of_wide = match(shallow, wide, settings.match_ratio).T
    return shallow.points[of_shallow], wide.points[of_wide], np.zeros(len(of_wide), np.bool_)
