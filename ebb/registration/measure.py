"""Everything measured on a registered pair; the one place where lengths become pixels at 1024 px height.

The residual of what is in focus is an exception: the pixels of a photo limit how well it can be known, so
that of a photo lower than 512 px is in pixels at twice its height.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.geometry.crop import common_crop, even, overlap
from ebb.geometry.homography import decompose, rescale_homography, transfer_error_px
from ebb.measurements import Measurements
from ebb.quality.agreement import agreement
from ebb.quality.blur_map import blur_map
from ebb.quality.coverage import coverage
from ebb.quality.defocus import FineDetail, aligned_halves, largest_discs_px
from ebb.quality.equal_blur import at_equal_blur
from ebb.quality.exposure import measure_exposure
from ebb.quality.gates import quality_rank
from ebb.quality.grid import TILE_PX
from ebb.quality.measured_photo import MeasuredPhoto
from ebb.quality.perceptual_hash import picture_hash
from ebb.quality.sharpness import measure_focus
from ebb.quality.smooth_change import smooth_changes
from ebb.registration.uncertainty import uncertainty_px

if TYPE_CHECKING:
    from ebb.arrays import Homography, Mask, Rect, Size
    from ebb.measurements import Limits
    from ebb.quality.agreement import Agreement
    from ebb.quality.blur_map import TileBlur
    from ebb.quality.exposure import ExposureDifference
    from ebb.quality.sharpness import FocusMeasurements
    from ebb.registration.detection import DetectionPhoto
    from ebb.registration.estimate import MotionEstimate
    from ebb.registration.refinement import Refinement
    from ebb.settings import AlignSettings

STRONG_BLUR_PERCENTILE = 90
"""A tenth of the frame shows how blurred the background is, however large the subject."""

LEAST_HEIGHT = 400
"""A lower photo is judged as if it had this height: a disc of a fiftieth of its height is visible."""

KERNEL_REACH_PX = 2.0
"""Distance of the common crop from the edge of the shallow photo, in stored pixels: what the filter reads."""


class Registration(NamedTuple):
    """How two photos of a pair lie on each other, at their full size."""

    H_shallow_to_wide: Homography
    """(3, 3), float64, H[2, 2] = 1: maps (x, y) of the shallow photo to the wide one; integers are centres of
    pixels."""
    crop: Rect
    """The largest rectangle of wide pixels that the shallow photo covers."""
    motion_model: str
    """A :class:`~ebb.geometry.models.MotionModel`."""
    measurements: Measurements
    defocus_map: list[float | None]
    """Blur of the shallow photo in the 4 x 4 parts of the frame, row by row: median diameter of the disc in
    pixels at 1024 px height; ``None`` where nothing shows it."""
    picture_hash: str
    """Perceptual hash of the wide photo, 16 hex digits: near-duplicates have nearly the same."""

    @property
    def gain(self) -> tuple[float, float, float]:
        """Linear light of the shallow photo over that of the wide one, red, green and blue."""
        measured = self.measurements
        return measured.exposure_gain_red, measured.exposure_gain, measured.exposure_gain_blue


def edge_margin(shallow: Size, settings: AlignSettings) -> float:
    """Distance of the common crop from the edge of a shallow photo, in its pixels."""
    reduction = shallow.height / settings.height if settings.height else 1.0
    return KERNEL_REACH_PX * max(1.0, reduction)


def crop_to_store(crop: Rect, settings: AlignSettings) -> Rect:
    """The crop, with even sides if it is stored without scaling."""
    return crop if settings.height else even(crop)


def with_crop(registration: Registration, crop: Rect, wide: Size, settings: AlignSettings) -> Registration:
    """The registration with a smaller crop, and what is measured of it.

    Args:
        registration: As :func:`measure` returns it.
        crop: In pixels of the full-size wide photo.
        wide: Size of that photo.
        settings: For the rank of quality.
    """
    measured = replace(registration.measurements, overlap=overlap(crop, wide))
    measured = replace(measured, quality_rank=quality_rank(measured, settings.ranking))
    return registration._replace(crop=crop, measurements=measured)


def measure(
    wide: DetectionPhoto,
    shallow: DetectionPhoto,
    estimate: MotionEstimate,
    settings: AlignSettings,
    prior_ev: float | None,
) -> Registration:
    """Common crop and measurements of a motion; no gate looks at them here.

    Args:
        wide: At detection height.
        shallow: Likewise.
        estimate: The motion between them.
        settings: For the height of the stored photos, and the rank of quality.
        prior_ev: By how many stops the shallow photo should be brighter.

    Raises:
        Rejected: the photos have no pixel in common.
    """
    H_detection = estimate.refinement.H_shallow_to_wide
    H = rescale_homography(H_detection, shallow.inverse_scale, wide.inverse_scale)
    crop = crop_to_store(
        common_crop(H, wide.full, shallow.full, edge_margin(shallow.full, settings)), settings
    )
    photos = MeasuredPhoto(wide.rgb), MeasuredPhoto(shallow.rgb)
    exposure = measure_exposure(*photos, H_detection, prior_ev)
    blurs = blur_map(*photos, H_detection, exposure)
    reduced = at_equal_blur(*photos, H_detection, exposure)
    focus = _focus(wide, shallow, estimate.refinement, blurs, smooth_changes(reduced, blurs))
    return Registration(
        H_shallow_to_wide=H,
        crop=crop,
        motion_model=estimate.refinement.kind.value,
        measurements=_measurements(
            wide, shallow, estimate, exposure, blurs, agreement(reduced), focus, crop, settings.ranking
        ),
        defocus_map=[None if disc is None else wide.unit_px * disc for disc in blurs.parts_px()],
        picture_hash=picture_hash(wide.gray),
    )


def _measurements(
    wide: DetectionPhoto,
    shallow: DetectionPhoto,
    estimate: MotionEstimate,
    exposure: ExposureDifference,
    blurs: TileBlur,
    agreed: Agreement,
    focus: FocusMeasurements,
    crop: Rect,
    limits: Limits,
) -> Measurements:
    """The table, filled in."""
    inliers, H = estimate.motion.inliers, estimate.refinement.H_shallow_to_wide
    source, target = estimate.points_shallow[inliers], estimate.points_wide[inliers]
    moved = decompose(rescale_homography(H, shallow.unit_px, wide.unit_px), wide.reference_size)
    strong_blur = blurs.percentile_px(STRONG_BLUR_PERCENTILE)
    red, green, blue = exposure.gain
    measured = Measurements(
        num_matches=len(inliers),
        num_inliers=int(inliers.sum()),
        inlier_ratio=float(inliers.mean()),
        coverage=coverage(target, wide.size),
        keypoint_residual_px=wide.unit_px * float(np.median(transfer_error_px(H, source, target))),
        scale_min=moved.scale_min,
        scale_max=moved.scale_max,
        stretch=moved.stretch,
        rotation_deg=moved.rotation_deg,
        perspective=moved.perspective,
        corner_shift=moved.corner_shift,
        overlap=overlap(crop, wide.full),
        focus_share=focus.focus_share,
        parallax_px=wide.unit_px * agreed.parallax_px,
        similarity=agreed.similarity,
        changed_share=agreed.changed_share,
        focus_mismatch=focus.focus_mismatch,
        changed_in_focus=focus.changed_in_focus,
        residual_px=focus.residual_px,
        residual_p95_px=focus.residual_p95_px,
        uncertainty_px=wide.unit_px * uncertainty_px(*estimate.bands, estimate.refinement),
        focus_correlation=focus.focus_correlation,
        sharpness_wide=focus.sharpness_wide,
        sharpness_shallow=focus.sharpness_shallow,
        defocus_px=wide.unit_px * blurs.percentile_px(50),
        defocus_p90_px=wide.unit_px * strong_blur,
        defocus_native_px=strong_blur / wide.enlargement * max(1.0, LEAST_HEIGHT / len(wide.detail)),
        unexplained=blurs.median_unexplained,
        exposure_gain=green,
        exposure_gain_red=red,
        exposure_gain_blue=blue,
        brightening_ev=max(0.0, -exposure.ev),
        cut_off_share=exposure.cut_off_share,
        vignetting_ev=exposure.vignetting_ev,
        clipped_wide=exposure.clipped_wide,
        clipped_shallow=exposure.clipped_shallow,
    )
    return replace(measured, quality_rank=quality_rank(measured, limits))


def _focus(
    wide: DetectionPhoto, shallow: DetectionPhoto, refined: Refinement, blurs: TileBlur, changes: Mask
) -> FocusMeasurements:
    tiles = refined.tiles
    fine = FineDetail(tiles.centres, tiles.energy, tiles.kept, tiles.correlation)
    halves = aligned_halves(wide.gray, shallow.gray, refined.H_shallow_to_wide)
    places = (tiles.centres // TILE_PX).astype(np.int64)
    return measure_focus(
        refined.in_focus,
        places,
        wide.unit_px * largest_discs_px(fine, wide.detail, halves, wide.enlargement),
        blurs.unexplained[places[:, 1], places[:, 0]],
        blurs.kept[places[:, 1], places[:, 0]],
        changes[places[:, 1], places[:, 0]],
        tiles.contrast,
        tiles.shallow_contrast,
        tiles.correlation,
        np.linalg.norm(tiles.shifts_of_regions(refined.in_focus), axis=1),
    )
