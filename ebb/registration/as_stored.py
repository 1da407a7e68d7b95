"""Measurements of a pair whose photos stay as they are: what is in focus is judged where it lies now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.arrays import Rect
from ebb.errors import Rejected
from ebb.quality.gates import quality_rank
from ebb.registration.detection import detection_photo
from ebb.registration.estimate import find_motion
from ebb.registration.measure import measure
from ebb.settings import AlignSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb.photo.frame import Frame
    from ebb.registration.estimate import MotionEstimate
    from ebb.registration.measure import Registration

SETTINGS = AlignSettings(height=0)
"""Registration by default: the measurements do not depend on the limits that they are held against later."""

PLACED = ("residual_px", "residual_p95_px", "overlap", "quality_rank")
"""Measurements that registration changes; all others are measured on the photos in register."""


class AsStored(NamedTuple):
    """A pair as it is, and what registration would make of it.

    Attributes:
        found: The motion that registration finds and does not apply, the whole frame as crop, and the
            measurements of the photos as they are; or why there is no motion.
        registered: Those of :data:`PLACED` after registration; what could not be measured is left out.
    """

    found: Registration | Rejected
    registered: Mapping[str, float]


def measure_as_stored(wide: Frame, shallow: Frame, prior_ev: float | None = None) -> AsStored:
    """Measure a pair of one size that is in register, or should be.

    The motion is found as for photos that are to be aligned. Blur, exposure and changes are measured along
    it, so that they are those of the scene. The residuals are the distances of what is in focus in the photos
    as they are.

    Args:
        wide: The photo with the large depth of field.
        shallow: The other one, of the same size.
        prior_ev: As in :func:`ebb.registration.register.register`.
    """
    photos = detection_photo(wide), detection_photo(shallow)
    try:
        estimate = find_motion(*photos, SETTINGS)
        found = measure(*photos, estimate, SETTINGS, prior_ev)
    except Rejected as failure:
        return AsStored(failure, {})
    registered = found.measurements.as_dict()
    median, worst = _residuals(estimate)
    measured = replace(found.measurements, overlap=1.0, residual_px=median, residual_p95_px=worst)
    measured = replace(measured, quality_rank=quality_rank(measured))
    stored = found._replace(crop=Rect(0, 0, *wide.size), measurements=measured)
    return AsStored(stored, {name: registered[name] for name in PLACED if name in registered})


def _residuals(estimate: MotionEstimate) -> tuple[float, float]:
    """Distance of what is in focus without any motion, median and the one that a twentieth exceeds."""
    refined = estimate.refinement
    if not refined.in_focus.any():
        return np.nan, np.nan
    tiles = refined.tiles.moved(refined.H_shallow_to_wide, np.eye(3))
    away = np.linalg.norm(tiles.shifts_of_regions(refined.in_focus), axis=1)
    return float(np.median(away)), float(np.percentile(away, 95))
