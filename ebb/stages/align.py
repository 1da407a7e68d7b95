"""Align: develop both photos of a pair, find the motion between them, cut to the common part, downscale."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from ebb.arrays import Homography, Rect, Rgb, Size
from ebb.dataset.catalog import CatalogRow, Pair, pairs_of, read_catalog
from ebb.dataset.png import encode_png
from ebb.errors import Broken, Reason, Rejected
from ebb.files import sha256_bytes, write_atomic
from ebb.geometry.crop import common_crop, overlap
from ebb.geometry.keypoints import Keypoints, detect
from ebb.geometry.matching import match
from ebb.geometry.motion import Motion, decompose, estimate, rescale_homography, transfer_error_px
from ebb.photo.decode import decode
from ebb.photo.resample import resample, scale_matrix, to_gray8
from ebb.quality.gates import AlignmentFigures, check_alignment, coverage
from ebb.runner.items import Result
from ebb.runner.stage import StageReport, run_pairs, stage_key

if TYPE_CHECKING:
    from ebb.runner.items import Progress
    from ebb.settings import AlignSettings, RunSettings
    from ebb.workspace import Workspace

STAGE = "align"
VERSION = 1
DETECTION_HEIGHT = 1024
"""Height at which keypoints are found and thresholds are meant, whatever the size of the photos."""


@dataclass(frozen=True)
class AlignJob:
    """One pair to align."""

    pair_id: str
    key: str
    wide: CatalogRow
    shallow: CatalogRow
    folder: Path
    settings: AlignSettings


def key_of(pair: Pair, settings: AlignSettings) -> str:
    """Stage key of a pair."""
    return stage_key(pair.pair_id, STAGE, VERSION, settings)


def run(
    workspace: Workspace, settings: AlignSettings, run: RunSettings, progress: Progress
) -> StageReport:
    """Align every pair of the catalogue that came from camera files."""
    pairs = [pair for pair in pairs_of(read_catalog(workspace.catalog_file)) if not pair.is_imported]
    workspace.save_settings(align=settings)
    jobs = [
        AlignJob(
            pair.pair_id,
            key_of(pair, settings),
            pair.wide,
            pair.shallow,
            workspace.pair(pair.pair_id),
            settings,
        )
        for pair in pairs
    ]
    return run_pairs(workspace.state, STAGE, jobs, align_pair, run, progress)


def align_pair(job: AlignJob) -> Result:
    """Align one pair and write its photos. Runs in a worker.

    Raises:
        Broken: a file changed since ingest or cannot be decoded.
        Rejected: the photos cannot be brought into register, by the rule the reason names.
    """
    wide, shallow = load_photo(job.wide), load_photo(job.shallow)
    sizes = _size(wide), _size(shallow)
    H_shallow_to_wide, found = _register(wide, shallow, job.settings)
    crop = common_crop(H_shallow_to_wide, *sizes)
    figures = {**asdict(found), "overlap": overlap(crop, sizes[0])}
    check_alignment(AlignmentFigures(**figures), job.settings)
    size = stored_size(crop, job.settings.height)
    H_out_to_wide = _crop_matrix(crop, size)
    photos = {
        "wide.png": resample(wide, H_out_to_wide, size),
        "shallow.png": resample(shallow, np.linalg.inv(H_shallow_to_wide) @ H_out_to_wide, size),
    }
    outputs = {name: write_atomic(job.folder / name, encode_png(photo)) for name, photo in photos.items()}
    return Result(figures={**figures, **_geometry(H_shallow_to_wide, crop, size)}, outputs=outputs)


def load_photo(row: CatalogRow) -> Rgb:
    """Read and develop a camera file of the catalogue, upright.

    Raises:
        Broken: it is gone, changed since ingest, or cannot be decoded.
    """
    path = Path(row.folder, row.name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Broken(Reason.UNREADABLE, f"cannot be read: {error.strerror}", path=row.name) from error
    if sha256_bytes(data) != row.sha256:
        raise Broken(Reason.INPUT_CHANGED, "not the bytes that were ingested", path=row.name)
    try:
        return decode(data, PurePosixPath(row.name).suffix.lower(), row.orientation)
    except Broken as error:
        raise Broken(error.reason, error.message, path=row.name) from error


def stored_size(crop: Rect, height: int) -> Size:
    """Size of the stored photos: ``height`` high, the aspect of the common crop, even width.

    Raises:
        Rejected: the crop is smaller than that; photos are never enlarged.
    """
    if crop.height < height:
        raise Rejected(
            Reason.TOO_SMALL,
            f"the common crop is {crop.width} x {crop.height}, lower than {height}: "
            f"--height {crop.height // 2 * 2} would keep it",
        )
    return Size(2 * round(crop.width * height / crop.height / 2), height)


def _register(
    wide: Rgb, shallow: Rgb, settings: AlignSettings
) -> tuple[Homography, AlignmentFigures]:
    """Find the full-size motion from keypoints of both photos at detection height."""
    wide_points, S_wide = _keypoints(wide, settings)
    shallow_points, S_shallow = _keypoints(shallow, settings)
    pairs = match(shallow_points, wide_points, settings.match_ratio)
    source, target = shallow_points.points[pairs[:, 0]], wide_points.points[pairs[:, 1]]
    motion = estimate(source, target, settings.ransac_threshold_px)
    return rescale_homography(motion.H_shallow_to_wide, S_shallow, S_wide), motion
