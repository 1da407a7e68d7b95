"""Align: develop both photos of a pair, find the motion between them, cut to the common part, downscale."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ebb.arrays import Homography, Points2d, Rect, Rgb, Size
from ebb.dataset.catalog import CatalogRow, pairs_of, read_catalog
from ebb.dataset.png import encode_png
from ebb.errors import Broken, Reason, Rejected
from ebb.files import write_atomic
from ebb.geometry.crop import common_crop, crop_to_photo, overlap
from ebb.geometry.homography import decompose, rescale_homography, transfer_error_px
from ebb.geometry.keypoints import Keypoints, detect
from ebb.geometry.matching import match
from ebb.geometry.motion import Motion, estimate
from ebb.photo.decode import decode
from ebb.photo.resample import reduced_gray8, resample
from ebb.quality.gates import AlignmentFigures, check_alignment, coverage
from ebb.runner.inputs import read_ingested
from ebb.runner.items import Result
from ebb.runner.keys import ALIGN, align_key
from ebb.runner.stage import StageReport, run_pairs

if TYPE_CHECKING:
    from pathlib import Path

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
    pairs = [pair for pair in pairs_of(read_catalog(workspace.catalog_file)) if not pair.is_imported]
    workspace.save_settings(align=settings)
    jobs = [
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
    return run_pairs(workspace.state, ALIGN, jobs, align_pair, run, progress)


def align_pair(job: AlignJob) -> Result:
    """Align one pair and write its photos. Runs in a worker.

    Raises:
        Broken: a file changed since ingest or cannot be decoded.
        Rejected: the photos cannot be brought into register, by the rule the reason names.
    """
    wide, shallow = load_photo(job.wide), load_photo(job.shallow)
    found = register(wide, shallow, job.settings)
    size = stored_size(found.crop, job.settings.height)
    H_out_to_wide = crop_to_photo(found.crop, size)
    photos = {
        "wide.png": resample(wide, H_out_to_wide, size),
        "shallow.png": resample(shallow, np.linalg.inv(found.H_shallow_to_wide) @ H_out_to_wide, size),
    }
    outputs = {name: write_atomic(job.folder / name, encode_png(photo)) for name, photo in photos.items()}
    return Result(figures={**found.as_figures(), "width": size.width, "height": size.height}, outputs=outputs)


def load_photo(row: CatalogRow) -> Rgb:
    """Read and develop a camera file of the catalogue, upright.

    Raises:
        Broken: it is gone, changed since ingest, or cannot be decoded.
    """
    data = read_ingested(row)
    try:
        return decode(data, PurePosixPath(row.name).suffix.lower(), row.orientation)
    except Broken as error:
        raise Broken(error.reason, error.message, path=row.name) from error


class Registration(NamedTuple):
    """How two photos of a pair lie on each other, at their full size."""

    H_shallow_to_wide: Homography
    crop: Rect
    motion_model: str
    figures: AlignmentFigures

    def as_figures(self) -> dict[str, Any]:
        """Flat values for the state."""
        crop = {f"crop_{side}": value for side, value in self.crop._asdict().items()}
        H = [float(value) for value in self.H_shallow_to_wide.ravel()]
        return {**self.figures.as_dict(), **crop, "H_shallow_to_wide": H, "motion_model": self.motion_model}


def register(wide: Rgb, shallow: Rgb, settings: AlignSettings) -> Registration:
    """Find the motion between two developed photos and their common crop.

    Raises:
        Rejected: no motion explains the matches, or a gate says no.
    """
    wide_keypoints, wide_scale, size = _keypoints(wide, settings)
    shallow_keypoints, shallow_scale, _ = _keypoints(shallow, settings)
    matches = match(shallow_keypoints, wide_keypoints, settings.match_ratio)
    source, target = shallow_keypoints.points[matches[:, 0]], wide_keypoints.points[matches[:, 1]]
    sigmas = np.hypot(shallow_keypoints.sigmas_px[matches[:, 0]], wide_keypoints.sigmas_px[matches[:, 1]])
    motion = estimate(source, target, size, settings.ransac_threshold_px, sigmas_px=sigmas)
    H = rescale_homography(motion.H_shallow_to_wide, _inverse(shallow_scale), _inverse(wide_scale))
    margin = KERNEL_REACH_PX * max(1.0, len(shallow) / settings.height)
    crop = common_crop(H, _size(wide), _size(shallow), margin)
    share = overlap(crop, _size(wide))
    figures = _figures(motion, source[motion.inliers], target[motion.inliers], size, share)
    check_alignment(figures, settings)
    return Registration(H, crop, motion.kind.value, figures)


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


def _keypoints(photo: Rgb, settings: AlignSettings) -> tuple[Keypoints, tuple[float, float], Size]:
    """Keypoints at detection height, the scale they were found at (x, y) and the size of that frame."""
    full = _size(photo)
    height = min(DETECTION_HEIGHT, full.height)
    size = Size(max(1, round(full.width * height / full.height)), height)
    scale = (size.width / full.width, size.height / full.height)
    return detect(reduced_gray8(photo, size), settings.max_keypoints), scale, size


def _figures(
    motion: Motion, source: Points2d, target: Points2d, size: Size, share: float
) -> AlignmentFigures:
    moved = decompose(motion.H_shallow_to_wide, size)
    return AlignmentFigures(
        num_matches=len(motion.inliers),
        num_inliers=int(motion.inliers.sum()),
        inlier_ratio=float(motion.inliers.mean()),
        coverage=coverage(target, size),
        residual_px=float(np.median(transfer_error_px(motion.H_shallow_to_wide, source, target))),
        scale_min=moved.scale_min,
        scale_max=moved.scale_max,
        rotation_deg=moved.rotation_deg,
        perspective=moved.perspective,
        corner_shift=moved.corner_shift,
        overlap=share,
    )


def _size(photo: Rgb) -> Size:
    return Size(photo.shape[1], photo.shape[0])


def _inverse(scale: tuple[float, float]) -> tuple[float, float]:
    return 1 / scale[0], 1 / scale[1]
