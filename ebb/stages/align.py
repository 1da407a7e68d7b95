"""Align: open both photos of a pair, find the motion between them, resample their common part once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.arrays import Gray8, Homography, Mask, Points2d, Rect, Rgb, Size
from ebb.dataset.catalog import CatalogRow, pairs_of, read_catalog
from ebb.errors import Broken, Reason, Rejected
from ebb.files import write_atomic
from ebb.formats.png import encode_png
from ebb.geometry.crop import common_crop, crop_to_photo, overlap
from ebb.geometry.homography import decompose, rescale_homography, transfer_error_px
from ebb.geometry.models import MotionModel
from ebb.photo.frame import Frame, open_frame
from ebb.photo.resample import NEUTRAL, to_gray8
from ebb.quality.agreement import agreement
from ebb.quality.defocus import (
    FineDetail,
    aligned_halves,
    defocus_map,
    defocus_px,
    largest_discs_px,
    median_of,
)
from ebb.quality.exposure import clipped_share, exif_ev, measure_exposure
from ebb.quality.gates import AlignmentFigures, check_alignment, check_clipping, coverage, rejections
from ebb.quality.perceptual_hash import picture_hash
from ebb.quality.sharpness import focus_figures
from ebb.registration.coarse import Search, coarse_motion
from ebb.registration.keypoints import detect
from ebb.registration.matching import match
from ebb.registration.refinement import Refinement, refine
from ebb.registration.tiles import pyramid
from ebb.results import ALIGN, StoredAlignment
from ebb.runner.items import Result
from ebb.runner.keys import align_key
from ebb.runner.stage import StageReport, run_pairs
from ebb.scan.inputs import read_ingested

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.quality.defocus import Halves
    from ebb.quality.sharpness import FocusFigures
    from ebb.registration.motion import Motion
    from ebb.runner.items import Progress
    from ebb.settings import AlignSettings, RunSettings
    from ebb.workspace import Workspace

DETECTION_HEIGHT = 1024
"""Height at which keypoints are found and thresholds are meant; a photo that is lower stays as it is."""

KERNEL_REACH_PX = 2.0
"""Distance of the common crop from the edge of the shallow photo, in stored pixels: what the filter reads."""


@dataclass(frozen=True)
class AlignJob:
    """One pair to align."""

    pair_id: str
    key: str
    wide: CatalogRow
    shallow: CatalogRow
    folder: Path
    settings: AlignSettings


def run(workspace: Workspace, settings: AlignSettings, run: RunSettings, progress: Progress) -> StageReport:
    """Align every pair of the catalogue that came from camera files."""
    todo = jobs(workspace, settings)
    workspace.save_settings(align=settings)
    return run_pairs(workspace.state, ALIGN, todo, align_pair, run, progress)


def jobs(workspace: Workspace, settings: AlignSettings) -> list[AlignJob]:
    """One job for each pair of the catalogue that came from camera files."""
    pairs = [pair for pair in pairs_of(read_catalog(workspace.catalog_file)) if not pair.is_imported]
    return [
        AlignJob(
            pair_id=pair.pair_id,
            key=align_key(pair, settings),
            wide=pair.wide,
            shallow=pair.shallow,
            folder=workspace.pair(pair.pair_id),
            settings=settings,
        )
        for pair in pairs
    ]


def align_pair(job: AlignJob) -> Result[StoredAlignment]:
    """Align one pair and write its photos. Runs in a worker.

    Raises:
        Broken: a file changed since ingest or cannot be decoded.
        Rejected: the photos cannot be brought into register, by the rule the reason names.
    """
    wide, shallow = open_photos(job)
    found = register(wide, shallow, job.settings, prior_ev(job))
    size = stored_size(found.crop, job.settings.height)
    H_out_to_wide = crop_to_photo(found.crop, size)
    H_out_to_shallow = np.linalg.inv(found.H_shallow_to_wide) @ H_out_to_wide
    photos = {
        "wide.png": wide.resample(H_out_to_wide, size),
        "shallow.png": shallow.resample(
            H_out_to_shallow, size, found.gain if job.settings.match_exposure else NEUTRAL
        ),
    }
    outputs = {name: write_atomic(job.folder / name, encode_png(photo)) for name, photo in photos.items()}
    return Result(value=found.stored_as(size), outputs=outputs)


def open_photos(job: AlignJob) -> tuple[Frame, Frame]:
    """The wide and the shallow photo, both to be developed in the same way.

    Raises:
        Broken: a file is gone, changed since ingest, or cannot be decoded.
    """
    rows = min(job.wide.height, job.shallow.height)
    reduction = rows / max(job.settings.height, DETECTION_HEIGHT)
    return _open_photo(job.wide, reduction), _open_photo(job.shallow, reduction)


def prior_ev(job: AlignJob) -> float | None:
    """How many stops brighter the shallow photo should be by what EXIF says; ``None`` if it does not."""
    return exif_ev(_exposure(job.wide), _exposure(job.shallow))


def _open_photo(row: CatalogRow, reduction: float) -> Frame:
    data = read_ingested(row)
    try:
        return open_frame(data, PurePosixPath(row.name).suffix, row.orientation, reduction)
    except Broken as error:
        raise error.with_path(row.name) from error


@dataclass
class Examination:
    """All that is known of the alignment of one pair, whatever the gates say. For a person to look at."""

    wide: Reduced
    shallow: Reduced
    points_shallow: Points2d
    """(N, 2), matched places in the reduced shallow photo."""
    points_wide: Points2d
    inliers: Mask
    """(N,), matches that agree with the motion; none when there is no motion."""
    found: Found | None
    registration: Registration | None
    rejections: list[Rejected]
    """What every gate that says no has to say, the one that decides first."""


def examine(job: AlignJob) -> Examination:
    """Align a pair as :func:`align_pair` does, but go on where a gate says no, and write nothing.

    Raises:
        Broken: a file changed since ingest or cannot be decoded.
    """
    settings = job.settings
    wide, shallow = (reduce(photo) for photo in open_photos(job))
    rejected: list[Rejected] = []
    found, registration = None, None
    with _Noting(rejected):
        check_clipping(clipped_share(wide.photo), clipped_share(shallow.photo), settings)
    with _Noting(rejected):
        found = find_motion(wide.gray, shallow.gray, settings)
        registration = measure(wide, shallow, found, settings, prior_ev(job))
        rejected += rejections(registration.figures, settings)
        stored_size(registration.crop, settings.height)
    if found is not None:
        matched = found.points_shallow, found.points_wide, found.motion.inliers
    else:
        a, b = (detect(photo.gray, settings.max_keypoints) for photo in (shallow, wide))
        of_a, of_b = match(a, b, settings.match_ratio).T
        matched = a.points[of_a], b.points[of_b], np.zeros(len(of_a), np.bool_)
    return Examination(wide, shallow, *matched, found, registration, rejected)


class _Noting:
    """Notes what a gate in its block has to say, and goes on behind the block."""

    def __init__(self, rejected: list[Rejected]) -> None:
        self._rejected = rejected

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        """Take a rejection, and nothing else."""
        if isinstance(error, Rejected):
            self._rejected.append(error)
        return isinstance(error, Rejected)


class Reduced(NamedTuple):
    """A photo at detection height."""

    photo: Rgb
    gray: Gray8
    scale: tuple[float, float]
    """Its width and height over those of the full-size photo."""
    full: Size

    @property
    def size(self) -> Size:
        """Size of this one."""
        return Size(self.photo.shape[1], self.photo.shape[0])


class Registration(NamedTuple):
    """How two photos of a pair lie on each other, at their full size."""

    H_shallow_to_wide: Homography
    crop: Rect
    motion_model: str
    figures: AlignmentFigures
    defocus_map: list[float | None]
    """Blur of the shallow photo in the 4 x 4 parts of the frame, row by row: median diameter of the disc in
    pixels at 1024 px height; None where nothing shows it."""
    picture_hash: str
    """Of the wide photo: near-duplicates have nearly the same."""

    @property
    def gain(self) -> tuple[float, float, float]:
        """Linear light of the shallow photo over that of the wide one, red, green and blue."""
        figures = self.figures
        return figures.exposure_gain_red, figures.exposure_gain, figures.exposure_gain_blue

    def stored_as(self, size: Size) -> StoredAlignment:
        """What is kept of it, with the size of the stored photos."""
        return StoredAlignment(
            size=size,
            crop=self.crop,
            H_shallow_to_wide=tuple(float(value) for value in self.H_shallow_to_wide.ravel()),
            motion_model=self.motion_model,
            measurements=self.figures.as_dict(),
            defocus_map=tuple(self.defocus_map),
            perceptual_hash=self.picture_hash,
        )


def register(
    wide: Frame, shallow: Frame, settings: AlignSettings, prior_ev: float | None = None
) -> Registration:
    """Find the motion between two photos and their common crop.

    Args:
        wide: The wide photo.
        shallow: The shallow photo.
        settings: Limits and choices.
        prior_ev: How many stops brighter the shallow photo is by what EXIF says.

    Raises:
        Rejected: no motion explains the matches, or a gate says no.
    """
    small_wide, small_shallow = reduce(wide), reduce(shallow)
    check_clipping(clipped_share(small_wide.photo), clipped_share(small_shallow.photo), settings)
    found = find_motion(small_wide.gray, small_shallow.gray, settings)
    registration = measure(small_wide, small_shallow, found, settings, prior_ev)
    check_alignment(registration.figures, settings)
    return registration


def measure(
    wide: Reduced, shallow: Reduced, found: Found, settings: AlignSettings, prior_ev: float | None
) -> Registration:
    """Common crop and quality figures of a motion; no gate looks at them here.

    Raises:
        Rejected: the photos have no pixel in common.
    """
    H = rescale_homography(found.refinement.H_shallow_to_wide, _inverse(shallow.scale), _inverse(wide.scale))
    margin = KERNEL_REACH_PX * max(1.0, shallow.full.height / settings.height)
    crop = common_crop(H, wide.full, shallow.full, margin)
    halves = aligned_halves(wide.gray, shallow.gray, found.refinement.H_shallow_to_wide)
    blurs = defocus_px(halves)
    figures = _figures(wide, shallow, found, overlap(crop, wide.full), prior_ev)
    figures |= _focus(wide.gray, halves, found.refinement)._asdict() | {"defocus_px": median_of(blurs)}
    kind = found.refinement.kind.value
    return Registration(
        H, crop, kind, AlignmentFigures(**figures), defocus_map(blurs), picture_hash(wide.gray)
    )


class Found(NamedTuple):
    """What was found between two reduced photos."""

    points_shallow: Points2d
    points_wide: Points2d
    motion: Motion
    refinement: Refinement


def find_motion(wide: Gray8, shallow: Gray8, settings: AlignSettings) -> Found:
    """Match keypoints, fit the motion, refine it on what is in focus.

    Raises:
        Rejected: no motion explains the matches.
    """
    model = None if settings.motion == "auto" else MotionModel(settings.motion)
    search = Search(
        max_keypoints=settings.max_keypoints,
        match_ratio=settings.match_ratio,
        threshold_px=settings.ransac_threshold_px,
        min_inliers=settings.min_inliers,
        model=model,
        robust=settings.robust,
    )
    found = coarse_motion(wide, shallow, search)
    return Found(*found, refine(pyramid(wide), pyramid(shallow), found.motion, model))


def reduce(photo: Frame) -> Reduced:
    """Reduce a photo to detection height: cheap, good enough to measure on."""
    full = photo.size
    height = min(DETECTION_HEIGHT, full.height)
    size = Size(max(1, round(full.width * height / full.height)), height)
    small = photo.reduced(size)
    return Reduced(small, to_gray8(small), (size.width / full.width, size.height / full.height), full)


def stored_size(crop: Rect, height: int) -> Size:
    """Size of the stored photos: ``height`` high, the aspect of the common crop, even width.

    Raises:
        Rejected: the crop is smaller than that; photos are never enlarged.
    """
    if crop.height < height:
        raise Rejected(
            Reason.TOO_SMALL,
            f"the common crop is {crop.width} x {crop.height}, lower than {height}; "
            f"--height {crop.height // 2 * 2} would keep it",
        )
    return Size(2 * round(crop.width * height / crop.height / 2), height)


def _focus(wide: Gray8, halves: Halves, refined: Refinement) -> FocusFigures:
    tiles = refined.tiles
    fine = FineDetail(tiles.centres, tiles.energy, tiles.kept, tiles.correlation)
    return focus_figures(
        refined.in_focus,
        largest_discs_px(fine, wide, halves),
        tiles.contrast,
        tiles.shallow_contrast,
        tiles.correlation,
        tiles.shifts,
    )


def _figures(
    wide: Reduced, shallow: Reduced, found: Found, share: float, prior_ev: float | None
) -> dict[str, float]:
    """All figures but those of the focus."""
    motion, H = found.motion, found.refinement.H_shallow_to_wide
    moved = decompose(H, wide.size)
    source, target = found.points_shallow[motion.inliers], found.points_wide[motion.inliers]
    exposure = measure_exposure(wide.photo, shallow.photo, H, prior_ev)
    agreed = agreement(wide.photo, shallow.photo, H, exposure)
    return {
        "num_matches": len(motion.inliers),
        "num_inliers": int(motion.inliers.sum()),
        "inlier_ratio": float(motion.inliers.mean()),
        "coverage": coverage(target, wide.size),
        "keypoint_residual_px": float(np.median(transfer_error_px(H, source, target))),
        "scale_min": moved.scale_min,
        "scale_max": moved.scale_max,
        "stretch": moved.stretch,
        "rotation_deg": moved.rotation_deg,
        "perspective": moved.perspective,
        "corner_shift": moved.corner_shift,
        "overlap": share,
        "similarity": agreed.similarity,
        "changed_share": agreed.changed_share,
        "parallax_px": agreed.parallax_px,
        "exposure_gain": exposure.gain[1],
        "exposure_gain_red": exposure.gain[0],
        "exposure_gain_blue": exposure.gain[2],
        "vignetting_ev": exposure.vignetting_ev,
        "clipped_wide": exposure.clipped_wide,
        "clipped_shallow": exposure.clipped_shallow,
    }


def _exposure(row: CatalogRow) -> tuple[float | None, float | None, float | None]:
    return row.f_number, row.exposure_time_s, row.iso


def _inverse(scale: tuple[float, float]) -> tuple[float, float]:
    return 1 / scale[0], 1 / scale[1]
