"""The table of measurements: everything that is measured on the alignment of a pair, declared once.

A measurement is a field of :class:`Measurements`. Its annotation states its meaning, its unit, its title in
the report, whether the shards have a column for it, and its gate, if it has one. The limit of the gate is a
field of :class:`Limits`. Gates, settings and their checks, shard columns, the report, the debug picture and
``docs/measurements.md`` follow from this table, so a new measurement takes two edits: here, and where it is
computed (:mod:`ebb.registration.measure`).

"px" is pixels at 1024 px photo height throughout, at any height at which a pair is measured.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, get_type_hints

from ebb.errors import Reason
from ebb.measurement_types import Bound, Gate, Measurement, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping


UNKNOWN_PX = 100.0
"""Stands for an unknown uncertainty of the motion."""


def _unless_unknown(uncertainty_px: float) -> float:
    return uncertainty_px if uncertainty_px < UNKNOWN_PX else math.nan


def _stops(ratio: float) -> float:
    return math.log2(ratio) if ratio > 0 else math.nan


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of the measurements, in the order in which gates decide; the defaults are profile ``clean``."""

    min_inliers: int = 12
    """Reject with fewer inliers than this."""
    min_inlier_ratio: float = 0.2
    """Reject when the share of inliers among the matches is smaller than this."""
    min_coverage: float = 0.1
    """Reject when the share of the cells of a 4 x 4 grid over the frame that contain inliers is smaller than
    this."""
    max_scale_change: float = 0.1
    """Reject when the motion stretches or shrinks the photo by more than this share."""
    max_stretch: float = 0.015
    """Reject when the motion stretches the photo in one direction by more than this share. A rotation of the
    camera does not; a sideways step stretches a plane such as the ground."""
    max_rotation_deg: float = 5.0
    """Reject when the camera rolled by more than this, in degrees."""
    min_overlap: float = 0.7
    """Reject when the common crop covers a smaller share of the wide photo than this."""
    min_focus_share: float = 0.015
    """Reject when the share of the detailed area that is sharp in both photos is smaller than this: the focus
    was missed."""
    max_changed_share: float = 0.5
    """Reject when the share of the area with structure that differs between the photos at equal blur is
    larger
    than this: they show different scenes, or were registered on a subject that moved."""
    max_focus_mismatch: float = 0.25
    """Reject when the share of the area in focus in the shallow photo that does not match the wide photo is
    larger than this."""
    max_changed_in_focus: float = 0.01
    """Reject when regions in focus in the shallow photo that are not in the wide photo cover a larger share
    of the frame than this, counting regions of at least 96 x 96 px at 1024 px height: the subject moved."""
    max_residual_px: float = 0.3
    """Reject when the median residual in focus after alignment is larger than this, in pixels at 1024 px
    height."""
    max_residual_p95_px: float = 1.0
    """Reject when the 95th percentile of the residual in focus is larger than this, in pixels at 1024 px
    height: a part of the subject moved."""
    min_blur_px: float = 8.0
    """Reject when the blur disc is smaller than this in nine tenths of the shallow photo, in pixels of the
    photo at 1024 px height, or at its own height if that is lower, but at least 400 px."""
    max_unexplained: float = 0.4
    """Reject when the median share of the detail that blur does not explain is larger than this."""
    max_exposure_ev: float = 1.0
    """Reject when the exposure of the photos differs by more than this, in stops; not used with
    --match-exposure."""
    max_brightening_ev: float = 2.0
    """With --match-exposure: reject when the shallow photo has to be brightened by more than this, in stops.
    Each stop doubles the noise relative to the light; two make steps of two grey levels of an 8-bit photo."""
    max_cut_off: float = 0.1
    """With --match-exposure: reject when the shallow photo's exposure cuts off half a stop or more of a
    channel's light in a larger share of the frame than this: no gain restores it."""
    max_clipped: float = 0.3
    """Reject when the overexposed share of the shallow photo exceeds that of the wide photo by more than
    this."""


PROFILES: Mapping[str, Limits] = {
    "clean": Limits(),
    "paper": Limits(
        min_inliers=8,
        min_inlier_ratio=0.05,
        min_coverage=0.0,
        min_focus_share=0.002,
        max_changed_share=0.6,
        max_focus_mismatch=0.9,
        max_changed_in_focus=0.1,
        max_residual_px=1.0,
        max_residual_p95_px=4.0,
        min_blur_px=0.0,
        max_unexplained=0.6,
        max_exposure_ev=3.0,
        max_brightening_ev=3.0,
        max_cut_off=0.6,
        max_clipped=0.6,
    ),
}
"""Limits by name. ``clean``: pairs for measuring methods. ``paper``: pairs as in EBB!, with correct
registration and any exposure, blur and motion in the scene."""


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """Measurements of the alignment of one pair; NaN where something could not be measured."""

    # fmt: off
    num_matches: Annotated[int, Measurement(
        "Number of one-to-one keypoint matches.",
        Unit.COUNT, stored=True,
    )]
    num_inliers: Annotated[int, Measurement(
        "Number of matches that agree with the motion.",
        Unit.COUNT, "inliers", stored=True,
        gate=Gate(
            "min_inliers", Bound.AT_LEAST, Reason.TOO_FEW_INLIERS,
            "{value:.0f} inliers, fewer than {limit:g}",
        ),
    )]
    inlier_ratio: Annotated[float, Measurement(
        "Share of the matches that agree with the motion.",
        Unit.SHARE, stored=True,
        gate=Gate(
            "min_inlier_ratio", Bound.AT_LEAST, Reason.TOO_FEW_INLIERS,
            "{value:.0%} of the matches agree, less than {limit:.0%}",
        ),
    )]
    coverage: Annotated[float, Measurement(
        "Share of the cells of a 4 x 4 grid over the frame that contain inliers.",
        Unit.SHARE, stored=True,
        gate=Gate(
            "min_coverage", Bound.AT_LEAST, Reason.TOO_FEW_INLIERS,
            "inliers in {value:.0%} of the frame, less than {limit:.0%}",
        ),
    )]
    keypoint_residual_px: Annotated[float, Measurement(
        "Median transfer error of the inliers.",
        Unit.PIXELS, "keypoint residual",
    )]
    scale_min: Annotated[float, Measurement(
        "Smallest stretch of the motion at the frame centre.",
        Unit.RATIO,
        gate=Gate(
            "max_scale_change", Bound.NEAR_ONE, Reason.IMPLAUSIBLE_MOTION,
            "scale {value:.3f}, outside {low:g} to {high:g}",
        ),
    )]
    scale_max: Annotated[float, Measurement(
        "Largest stretch of the motion at the frame centre.",
        Unit.RATIO,
        gate=Gate(
            "max_scale_change", Bound.NEAR_ONE, Reason.IMPLAUSIBLE_MOTION,
            "scale {value:.3f}, outside {low:g} to {high:g}",
        ),
    )]
    stretch: Annotated[float, Measurement(
        "Ratio of the largest to the smallest stretch, minus 1; nearly 0 for a rotation.",
        Unit.SHARE, "stretch",
        gate=Gate(
            "max_stretch", Bound.AT_MOST, Reason.PARALLAX,
            "the motion stretches the photo by {value:.1%} in one direction, more than {limit:.1%}",
        ),
    )]
    rotation_deg: Annotated[float, Measurement(
        "Roll about the optical axis; positive turns +x towards +y.",
        Unit.DEGREES, "roll",
        gate=Gate(
            "max_rotation_deg", Bound.WITHIN, Reason.IMPLAUSIBLE_MOTION,
            "rolled by {magnitude:.1f} degrees, more than {limit:g}",
        ),
    )]
    perspective: Annotated[float, Measurement(
        "Relative change of depth from the frame centre to a corner.",
        Unit.SHARE,
        gate=Gate(
            "max_scale_change", Bound.AT_MOST, Reason.IMPLAUSIBLE_MOTION,
            "perspective changes by {value:.1%} towards a corner, more than {limit:.0%}",
        ),
    )]
    corner_shift: Annotated[float, Measurement(
        "Largest displacement of a frame corner, divided by the frame's diagonal.",
        Unit.SHARE,
    )]
    overlap: Annotated[float, Measurement(
        "Area of the common crop divided by that of the wide photo.",
        Unit.SHARE, "overlap", listed=True, stored=True,
        gate=Gate(
            "min_overlap", Bound.AT_LEAST, Reason.LOW_OVERLAP,
            "the common crop is {value:.0%} of the frame, less than {limit:.0%}",
        ),
    )]
    focus_share: Annotated[float, Measurement(
        "Share of the area with detail that is sharp in both photos.",
        Unit.SHARE, "sharp in both", listed=True, stored=True,
        gate=Gate(
            "min_focus_share", Bound.AT_LEAST, Reason.MISSED_FOCUS,
            "{value:.1%} of the area with detail is sharp in both photos, less than {limit:.1%}",
        ),
    )]
    parallax_px: Annotated[float, Measurement(
        "Displacement between the photos at equal blur, over the whole frame: 75th percentile.",
        Unit.PIXELS, "parallax", listed=True, stored=True,
    )]
    similarity: Annotated[float, Measurement(
        "Mean correlation of both photos at equal blur.",
        Unit.CORRELATION, "similarity at equal blur", stored=True,
    )]
    changed_share: Annotated[float, Measurement(
        "Share of the area with structure that differs between the photos at equal blur.",
        Unit.SHARE, "changed", stored=True,
        gate=Gate(
            "max_changed_share", Bound.AT_MOST, Reason.LOW_SIMILARITY,
            "{value:.0%} of the area with structure differs at equal blur, more than {limit:.0%}",
            unknown_passes=True,  # where nothing has structure
        ),
    )]
    focus_mismatch: Annotated[float, Measurement(
        "Share of the area in focus in the shallow photo that does not match the wide photo.",
        Unit.SHARE, "mismatch in focus", stored=True,
        gate=Gate(
            "max_focus_mismatch", Bound.AT_MOST, Reason.LOW_SIMILARITY,
            "{value:.0%} of the area in focus does not match the wide photo, more than {limit:.0%}",
            unknown_passes=True,  # only where hardly anything is in focus
        ),
    )]
    changed_in_focus: Annotated[float, Measurement(
        "Share of the frame in regions in focus of 96 x 96 px or more that differ between the photos.",
        Unit.SHARE, "changed in focus", stored=True,
        gate=Gate(
            "max_changed_in_focus", Bound.AT_MOST, Reason.LOW_SIMILARITY,
            "{value:.1%} of the frame is in focus and changed between the photos, more than {limit:.1%}",
        ),
    )]
    residual_px: Annotated[float, Measurement(
        "Median residual in focus, at 1024 px height or twice the photo's height if that is lower.",
        Unit.PIXELS, "residual in focus", listed=True, stored=True, apart="what is in focus",
        gate=Gate(
            "max_residual_px", Bound.AT_MOST, Reason.LOW_SIMILARITY,
            "the residual in focus is {value:.2f} px, more than {limit:g} px",
        ),
    )]
    residual_p95_px: Annotated[float, Measurement(
        "95th percentile of the residual in focus.",
        Unit.PIXELS, "residual in focus, 95th percentile", stored=True, apart="part of what is in focus",
        gate=Gate(
            "max_residual_p95_px", Bound.AT_MOST, Reason.LOW_SIMILARITY,
            "part of the area in focus is off by {value:.1f} px, more than {limit:g} px",
        ),
    )]
    uncertainty_px: Annotated[float, Measurement(
        "Standard deviation of the motion in focus, in the least certain direction; 100: unknown.",
        Unit.PIXELS, "uncertainty of the motion", stored=True, seen_as=_unless_unknown,
    )]
    focus_correlation: Annotated[float, Measurement(
        "Median correlation of fine detail in focus.",
        Unit.CORRELATION, stored=True,
    )]
    sharpness_wide: Annotated[float, Measurement(
        "Contrast of fine detail in focus in the wide photo: standard deviation over mean.",
        Unit.RATIO, stored=True,
    )]
    sharpness_shallow: Annotated[float, Measurement(
        "The same in the shallow photo.",
        Unit.RATIO, stored=True,
    )]
    defocus_px: Annotated[float, Measurement(
        "Median blur of the shallow photo over the frame: diameter of a disc.",
        Unit.PIXELS, "blur, median", listed=True, stored=True,
    )]
    defocus_p90_px: Annotated[float, Measurement(
        "90th percentile of the blur of the shallow photo over the frame: diameter of a disc.",
        Unit.PIXELS, "blur, 90th percentile", stored=True,
    )]
    defocus_native_px: Annotated[float, Measurement(
        "The same in pixels of the original photo, at a height of 400 to 1024 px.",
        Unit.NATIVE_PIXELS, "blur in the photo, 90th percentile",
        gate=Gate(
            "min_blur_px", Bound.AT_LEAST, Reason.TOO_LITTLE_BLUR,
            "nine tenths of the shallow photo have a blur of {value:.1f} px or less, not {limit:g} px",
        ),
    )]
    unexplained: Annotated[float, Measurement(
        "Median share of the shallow photo's detail that is not explained by blurring the wide photo.",
        Unit.SHARE, "not explained by blur", stored=True,
        gate=Gate(
            "max_unexplained", Bound.AT_MOST, Reason.LOW_SIMILARITY,
            "blur does not explain {value:.0%} of the detail, more than {limit:.0%}",
        ),
    )]
    exposure_gain: Annotated[float, Measurement(
        "Linear light of the shallow photo divided by that of the wide photo: green, at the frame centre.",
        Unit.STOPS, "shallow brighter by", listed=True, stored=True,
        seen_as=_stops,
        gate=Gate(
            "max_exposure_ev", Bound.WITHIN, Reason.EXPOSURE_MISMATCH,
            "the shallow photo is {magnitude:.1f} stops brighter, the limit is {limit:g}",
            "the shallow photo is {magnitude:.1f} stops darker, the limit is {limit:g}",
            unless="match_exposure",
        ),
    )]
    exposure_gain_red: Annotated[float, Measurement(
        "The same for red.",
        Unit.RATIO,
    )]
    exposure_gain_blue: Annotated[float, Measurement(
        "The same for blue.",
        Unit.RATIO,
    )]
    brightening_ev: Annotated[float, Measurement(
        "Gain that brings the shallow photo to the brightness of the wide one; 0 if it is brighter.",
        Unit.STOPS,
        gate=Gate(
            "max_brightening_ev", Bound.AT_MOST, Reason.EXPOSURE_MISMATCH,
            "the shallow photo is {value:.1f} stops darker, more than the {limit:g} that a gain repairs",
            only_with="match_exposure",
        ),
    )]
    cut_off_share: Annotated[float, Measurement(
        "Share of the frame where the shallow photo's exposure cuts off half a stop of a channel's light.",
        Unit.SHARE,
        gate=Gate(
            "max_cut_off", Bound.AT_MOST, Reason.EXPOSURE_MISMATCH,
            "highlights are cut off in {value:.0%} of the shallow photo, more than {limit:.0%}: "
            "a gain does not repair them",
            only_with="match_exposure",
        ),
    )]
    vignetting_ev: Annotated[float, Measurement(
        "Additional light in the corners of the shallow photo; negative where it is darker there.",
        Unit.STOPS, "light in the corners", stored=True,
    )]
    clipped_wide: Annotated[float, Measurement(
        "Share of the wide photo that is overexposed.",
        Unit.SHARE,
    )]
    clipped_shallow: Annotated[float, Measurement(
        "Share of the shallow photo that is overexposed; the gate subtracts that of the wide photo.",
        Unit.SHARE,
        gate=Gate(
            "max_clipped", Bound.AT_MOST, Reason.EXPOSURE_MISMATCH,
            "{clipped_shallow:.0%} of the shallow photo is overexposed, {clipped_wide:.0%} of the wide one",
            minus="clipped_wide",
        ),
    )]
    quality_rank: Annotated[float, Measurement(
        "Rank of the pair, 0 to 1: 0.5 if its worst measurement is at the limit of profile clean.",
        Unit.SHARE, "quality", listed=True, stored=True,
    )] = math.nan
    # fmt: on

    def as_dict(self) -> dict[str, float]:
        """Name → value, in the order above; values that could not be measured are left out."""
        return {name: value for name, value in asdict(self).items() if math.isfinite(value)}


def _table() -> tuple[Measurement, ...]:
    hints = get_type_hints(Measurements, include_extras=True)
    return tuple(
        replace(hint.__metadata__[0], name=name, kind=hint.__origin__) for name, hint in hints.items()
    )


TABLE: tuple[Measurement, ...] = _table()
"""All measurements, in the order in which their gates decide."""

QUALITY = "quality_rank"
"""Name of the measurement that ranks pairs."""

GATED: tuple[Measurement, ...] = tuple(row for row in TABLE if row.gate is not None)
STORED: tuple[Measurement, ...] = tuple(row for row in TABLE if row.stored)
DRAWN: tuple[Measurement, ...] = tuple(row for row in TABLE if row.title)
APART: Mapping[str, str] = {row.name: row.apart for row in TABLE if row.apart}
"""Distances that registration can correct: name → what is misaligned."""
LISTED: tuple[Measurement, ...] = tuple(row for row in TABLE if row.listed)
