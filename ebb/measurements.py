"""The table of measurements: everything that is measured on the alignment of a pair, declared once.

A measurement is a field of :class:`Measurements`; its annotation says what it means, in which unit, what it
is called in the report, whether the shards have a column for it, and which gate it goes through. The limit of
the gate is a field of :class:`Limits`. Gates, settings and their checks, shard columns, the report, the debug
picture and ``docs/measurements.md`` are made from this table, so a new measurement takes two edits: here, and
where it is computed (:mod:`ebb.registration.measure`).

"px" is pixels at 1024 px photo height throughout, whatever height a pair was measured at.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, get_type_hints

from ebb.errors import Reason
from ebb.measurement_types import Bound, Gate, Measurement, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping


def _stops(ratio: float) -> float:
    return math.log2(ratio) if ratio > 0 else math.nan


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of the measurements, in the order in which gates decide; the defaults are profile ``clean``."""

    min_inliers: int = 12
    """Reject with fewer inliers than this."""
    min_inlier_ratio: float = 0.2
    """Reject when a smaller share of the matches are inliers."""
    min_coverage: float = 0.1
    """Reject when inliers touch a smaller share of the cells of a 4 x 4 grid over the frame."""
    max_scale_change: float = 0.1
    """Reject when the motion stretches or shrinks the photo by more than this share."""
    max_stretch: float = 0.015
    """Reject when the motion stretches the photo by more than this share in one direction and not the other:
    a rotation of the camera does not, a step to the side does so to a plane such as the ground."""
    max_rotation_deg: float = 5.0
    """Reject when the camera rolled by more than this."""
    min_overlap: float = 0.7
    """Reject when the common crop is a smaller share of the wide photo."""
    min_focus_share: float = 0.015
    """Reject when a smaller share of what has detail is sharp in both photos: the focus was missed."""
    max_changed_share: float = 0.5
    """Reject when a larger share of what has structure differs between the photos, blur aside: they show
    different scenes, or were registered on a subject that moved."""
    max_focus_mismatch: float = 0.25
    """Reject when a larger share of what is sharp in the shallow photo is not in the wide one."""
    max_changed_in_focus: float = 0.01
    """Reject when things that are sharp in the shallow photo and not in the wide one fill a larger share of
    the frame, in regions of at least 96 x 96 px at 1024 px height: the subject moved."""
    max_residual_px: float = 0.3
    """Reject when half of what is in focus is farther apart after alignment, in pixels at 1024 px height."""
    max_residual_p95_px: float = 1.0
    """Reject when one part in twenty of it is farther apart than this, in pixels at 1024 px height: a part of
    it moved."""
    min_blur_px: float = 8.0
    """Reject when nine tenths of the shallow photo are blurred by smaller discs than this, in pixels of the
    photo at 1024 px height, or at its own if that is lower, but 400 px at least."""
    max_unexplained: float = 0.4
    """Reject when, for half of the frame, blur leaves a larger share of the detail unexplained."""
    max_exposure_ev: float = 1.0
    """Reject when one photo is brighter by more stops than this."""
    max_clipped: float = 0.3
    """Reject when a larger share of the shallow photo is overexposed than of the wide one, by this share."""


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
        max_clipped=0.6,
    ),
}
"""Limits by name. ``clean``: pairs to measure methods on. ``paper``: pairs as in EBB!, whose registration
holds; exposure, blur and what moved do not matter."""


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """What was measured on the alignment of one pair; NaN where it could not be measured."""

    # fmt: off
    num_matches: Annotated[int, Measurement(
        "One-to-one matches of keypoints.",
        Unit.COUNT, stored=True,
    )]
    num_inliers: Annotated[int, Measurement(
        "Matches that agree with the motion.",
        Unit.COUNT, "inliers", stored=True,
        gate=Gate(
            "min_inliers", Bound.AT_LEAST, Reason.TOO_FEW_INLIERS,
            "{value:.0f} inliers, fewer than {limit:g}",
        ),
    )]
    inlier_ratio: Annotated[float, Measurement(
        "Matches that agree with the motion, as a share of all.",
        Unit.SHARE, stored=True,
        gate=Gate(
            "min_inlier_ratio", Bound.AT_LEAST, Reason.TOO_FEW_INLIERS,
            "{value:.0%} of the matches agree, less than {limit:.0%}",
        ),
    )]
    coverage: Annotated[float, Measurement(
        "Cells of a 4 x 4 grid over the frame that hold inliers.",
        Unit.SHARE, stored=True,
        gate=Gate(
            "min_coverage", Bound.AT_LEAST, Reason.TOO_FEW_INLIERS,
            "inliers in {value:.0%} of the frame, less than {limit:.0%}",
        ),
    )]
    keypoint_residual_px: Annotated[float, Measurement(
        "Median transfer error of the inliers.",
        Unit.PIXELS, "keypoints from the motion",
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
        "How much larger the largest stretch is than the smallest; a rotation has next to none.",
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
        "Largest move of a frame corner, over the frame's diagonal.",
        Unit.SHARE,
    )]
    overlap: Annotated[float, Measurement(
        "Area of the common crop over that of the wide photo.",
        Unit.SHARE, "overlap", listed=True, stored=True,
        gate=Gate(
            "min_overlap", Bound.AT_LEAST, Reason.LOW_OVERLAP,
            "the common crop is {value:.0%} of the frame, less than {limit:.0%}",
        ),
    )]
    focus_share: Annotated[float, Measurement(
        "Share of what has detail that is sharp in both photos.",
        Unit.SHARE, "sharp in both", listed=True, stored=True,
        gate=Gate(
            "min_focus_share", Bound.AT_LEAST, Reason.MISSED_FOCUS,
            "{value:.1%} of what has detail is sharp in both photos, less than {limit:.1%}",
        ),
    )]
    parallax_px: Annotated[float, Measurement(
        "Displacement of what is found elsewhere, blur aside: of all but the worst quarter.",
        Unit.PIXELS, "parallax", listed=True, stored=True,
    )]
    similarity: Annotated[float, Measurement(
        "Mean correlation of both photos, blur aside.",
        Unit.CORRELATION, "similarity, blur aside", stored=True,
    )]
    changed_share: Annotated[float, Measurement(
        "Share of what has structure that looks different in both photos, blur aside.",
        Unit.SHARE, "changed", stored=True,
        gate=Gate(
            "max_changed_share", Bound.AT_MOST, Reason.LOW_SIMILARITY,
            "{value:.0%} of what has structure differs between the photos, blur aside, more than {limit:.0%}",
            unknown_passes=True,  # where nothing has structure
        ),
    )]
    focus_mismatch: Annotated[float, Measurement(
        "Share of what is sharp in the shallow photo that the wide photo does not show.",
        Unit.SHARE, "of what is sharp, different", stored=True,
        gate=Gate(
            "max_focus_mismatch", Bound.AT_MOST, Reason.LOW_SIMILARITY,
            "{value:.0%} of what is sharp in the shallow photo is not in the wide one, more than {limit:.0%}",
            unknown_passes=True,  # only where hardly anything is clear
        ),
    )]
    changed_in_focus: Annotated[float, Measurement(
        "Share of the frame in regions of 96 x 96 px or more that are sharp in the shallow photo and differ.",
        Unit.SHARE, "changed in focus", stored=True,
        gate=Gate(
            "max_changed_in_focus", Bound.AT_MOST, Reason.LOW_SIMILARITY,
            "{value:.1%} of the frame is sharp and changed between the photos, more than {limit:.1%}",
        ),
    )]
    residual_px: Annotated[float, Measurement(
        "Median distance between both photos in focus, at 1024 px or twice the photo's height if lower.",
        Unit.PIXELS, "apart in focus", listed=True, stored=True, apart="what is in focus",
        gate=Gate(
            "max_residual_px", Bound.AT_MOST, Reason.LOW_SIMILARITY,
            "what is in focus is {value:.2f} px apart, more than {limit:g} px",
        ),
    )]
    residual_p95_px: Annotated[float, Measurement(
        "The distance in focus that one place in twenty exceeds.",
        Unit.PIXELS, "apart in focus, the worst twentieth", stored=True, apart="a part of what is in focus",
        gate=Gate(
            "max_residual_p95_px", Bound.AT_MOST, Reason.LOW_SIMILARITY,
            "a part of what is in focus is {value:.1f} px apart, more than {limit:g} px",
        ),
    )]
    uncertainty_px: Annotated[float, Measurement(
        "Standard deviation of the motion of what is in focus, in the direction known least; 100: unknown.",
        Unit.PIXELS, "uncertainty of the motion", stored=True,
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
        "Blur of the shallow photo that a tenth of the frame exceeds: diameter of a disc.",
        Unit.PIXELS, "blur, strongest tenth", stored=True,
    )]
    defocus_native_px: Annotated[float, Measurement(
        "The same in pixels of the photo as it was shot, at a height of 400 to 1024 px.",
        Unit.NATIVE_PIXELS, "blur in the photo, strongest tenth",
        gate=Gate(
            "min_blur_px", Bound.AT_LEAST, Reason.TOO_LITTLE_BLUR,
            "nine tenths of the shallow photo are blurred by {value:.1f} px or less, fewer than {limit:g} px",
        ),
    )]
    unexplained: Annotated[float, Measurement(
        "Median share of the detail that is neither the wide photo's nor its blur.",
        Unit.SHARE, "not explained by blur", stored=True,
        gate=Gate(
            "max_unexplained", Bound.AT_MOST, Reason.LOW_SIMILARITY,
            "blur does not explain {value:.0%} of the detail, more than {limit:.0%}",
        ),
    )]
    exposure_gain: Annotated[float, Measurement(
        "Linear light of the shallow photo over the wide one's: green, at the frame centre.",
        Unit.STOPS, "shallow brighter by", listed=True, stored=True,
        seen_as=_stops,
        gate=Gate(
            "max_exposure_ev", Bound.WITHIN, Reason.EXPOSURE_MISMATCH,
            "the shallow photo is {magnitude:.1f} stops brighter, the limit is {limit:g}",
            "the shallow photo is {magnitude:.1f} stops darker, the limit is {limit:g}",
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
    vignetting_ev: Annotated[float, Measurement(
        "Extra light in the corners of the shallow photo; negative when it is darker there.",
        Unit.STOPS, "light in the corners", stored=True,
    )]
    clipped_wide: Annotated[float, Measurement(
        "Share of the wide photo that is overexposed.",
        Unit.SHARE,
    )]
    clipped_shallow: Annotated[float, Measurement(
        "Share of the shallow photo that is overexposed; its gate subtracts the wide photo's.",
        Unit.SHARE,
        gate=Gate(
            "max_clipped", Bound.AT_MOST, Reason.EXPOSURE_MISMATCH,
            "{clipped_shallow:.0%} of the shallow photo is overexposed, {clipped_wide:.0%} of the wide one",
            minus="clipped_wide",
        ),
    )]
    quality_rank: Annotated[float, Measurement(
        "Rank of the pair, 0 to 1: 0.5 where its worst measurement is at the limit of profile clean.",
        Unit.SHARE, "quality", listed=True, stored=True,
    )] = math.nan
    # fmt: on

    def as_dict(self) -> dict[str, float]:
        """Name → value, in the order above; what could not be measured is left out."""
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
"""Distances that registration sets right: name → what is apart."""
LISTED: tuple[Measurement, ...] = tuple(row for row in TABLE if row.listed)
