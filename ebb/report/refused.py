"""Photos of rejected and failed pairs, read from the camera files, since no aligned photos are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.aligned_pair import open_frames
from ebb.arrays import Size
from ebb.pages.data_uri import reduce
from ebb.runner.items import Result
from ebb.runner.run import run_items
from ebb.scan.inputs import ingested_photo
from ebb.settings import RunSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebb.arrays import Rgb8
    from ebb.dataset.catalog import Pair
    from ebb.photo.frame import Frame
    from ebb.settings import AlignSettings


@dataclass(frozen=True)
class PreviewJob:
    """A pair to show."""

    pair: Pair
    settings: AlignSettings
    longer_side: int
    """Longer side of the photos, in pixels."""


@dataclass(frozen=True)
class Preview:
    """Both original photos of a pair, upright, (H, W, 3)."""

    wide: Rgb8
    shallow: Rgb8


def read_previews(jobs: Sequence[PreviewJob]) -> dict[str, Preview]:
    """Open the photos of several pairs, in workers.

    Returns:
        pair_id → photos, without pairs whose files are missing or cannot be decoded.
    """
    if not jobs:
        return {}
    outcomes = run_items(read_preview, jobs, RunSettings())
    return {outcome.job.pair.pair_id: outcome.value for outcome in outcomes if outcome.value is not None}


def read_preview(job: PreviewJob) -> Result[Preview]:
    """Open the photos of a pair. Runs in a worker.

    Raises:
        Broken: a file is missing, has changed or cannot be decoded.
    """
    files = ingested_photo(job.pair.wide), ingested_photo(job.pair.shallow)
    wide, shallow = (_photo(frame, job.longer_side) for frame in open_frames(*files, job.settings))
    return Result(value=Preview(wide, shallow))


def _photo(frame: Frame, longer_side: int) -> Rgb8:
    scale = min(1.0, 2 * longer_side / max(frame.size))
    rgb = frame.reduced(Size(*(max(1, round(side * scale)) for side in frame.size)))
    photo = np.asarray(rgb // 257 if rgb.dtype == np.uint16 else rgb, np.uint8)
    return reduce(photo, longer_side)
