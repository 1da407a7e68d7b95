"""Scoring of pictures in worker processes: one row per pair, even if it fails."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from ebb.errors import Broken, InvalidInput, ItemError, Reason, Status
from ebb.progress import watched
from ebb.worker_pool import WorkerLost, Workers, run_jobs
from ebb_train.evaluation.artefact_scores import (
    ARTEFACT_COLUMNS,
    ARTEFACTS,
    artefact_scores,
    find_artefacts,
)
from ebb_train.evaluation.predictions import PictureFolder, read_picture
from ebb_train.metrics.lpips import find_lpips
from ebb_train.metrics.protocols import find_protocol
from ebb_train.metrics.regions import COLUMNS, SMALLEST, find_regions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ebb.progress import Progress
    from ebb_train.data.sources import Photos, Source
    from ebb_train.metrics.lpips import Lpips, Missing
    from ebb_train.metrics.regions import Regions
    from ebb_train.models.perceptual import Net


EMPTY = "the region is empty"
NOTHING = "there is nothing in the photo to judge it by"

LARGEST_PICTURE = 16_000_000
"""Largest number of pixels of a picture whose photo has fewer; different sizes are reported later."""

REGIONS = "regions"
"""Group of the columns of scores by region; for other columns the group is the protocol."""


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """Settings and data of the scoring, sent to each worker."""

    source: Source
    pictures: PictureFolder
    protocols: tuple[str, ...]
    regions: bool = True
    """Whether scores in focus, out of focus and on the boundary are computed."""
    artefacts: bool = True
    """Whether pictures are searched for artefacts."""
    lpips: Net = "alex"
    failures: Mapping[int, str] = field(default_factory=dict)
    """Number of a pair whose picture could not be rendered → reason."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Scores of a pair, or the reason why there are none."""

    index: int
    """Number of the pair in the source."""
    pair_id: str
    status: Status = Status.OK
    reason: Reason | None = None
    detail: str = ""
    picture: Path | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    """``protocol.metric`` → value; metrics without a value for this pair are absent."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """``protocol.metric`` → reason for a missing value."""


def score_all(scoring: Scoring, workers: int, progress: Progress) -> list[Row]:
    """Score every pair.

    Args:
        scoring: Settings and data.
        workers: Number of processes; 0: one per core; 1: the current process.
        progress: Progress over the pairs.

    Returns:
        One row per pair, in the order of the source.

    Raises:
        UsageError: a protocol is unknown.
        InvalidInput: the weights of LPIPS are damaged.
    """
    for name in scoring.protocols:
        find_protocol(name)
    usable_lpips(scoring.lpips)  # damaged weights end the run here instead of failing every row
    count = min(workers or len(os.sched_getaffinity(0)), len(scoring.source))
    rows = []
    with watched(progress, "score", len(scoring.source)):
        for row in _in_processes(scoring, count) if count > 1 else _here(scoring):
            rows.append(row)
            progress.advance(row.pair_id, row.status, row.reason, row.detail)
    return sorted(rows, key=lambda row: row.index)


def score_pair(scoring: Scoring, index: int) -> Row:
    """Score a pair; errors are recorded in its row."""
    pair_id = f"pair {index}"
    try:
        photos = _read(scoring, index)
        pair_id = photos.pair_id
        path = _picture_of(scoring, index, photos)
        scores, missing = _scores(scoring, photos, path)
    except ItemError as error:
        return failed(index, pair_id, error.reason, error.message)
    return Row(index=index, pair_id=pair_id, picture=path, scores=scores, missing=missing)


def failed(index: int, pair_id: str, reason: Reason, detail: str) -> Row:
    """Row of a pair without scores."""
    return Row(index=index, pair_id=pair_id, status=Status.ERROR, reason=reason, detail=detail)


@lru_cache(maxsize=2)
def usable_lpips(net: Net) -> Lpips | Missing:
    """LPIPS, read once per process, or the reason why it is missing."""
    return find_lpips(net)


def _read(scoring: Scoring, index: int) -> Photos:
    try:
        return scoring.source.read(index)
    except InvalidInput as error:
        raise Broken(Reason.CORRUPT_INPUT, str(error)) from error


def _picture_of(scoring: Scoring, index: int, photos: Photos) -> Path:
    if index in scoring.failures:
        raise Broken(Reason.NO_PREDICTION, scoring.failures[index])
    path = scoring.pictures.find(photos)
    if path is None:
        raise Broken(Reason.NO_PREDICTION, f"no picture of it in {scoring.pictures.folder}")
    return path


def _scores(scoring: Scoring, photos: Photos, path: Path) -> tuple[dict[str, float], dict[str, str]]:
    scores: dict[str, float] = {}
    missing: dict[str, str] = {}
    lpips = usable_lpips(scoring.lpips)
    try:
        height, width = photos.shallow.shape[:2]
        picture = read_picture(path, max(LARGEST_PICTURE, width * height))
        for name in scoring.protocols:
            protocol = find_protocol(name)
            found = protocol.score(picture, photos.shallow, lpips=lpips)
            reasons = protocol.missing(photos.shallow.shape, lpips=lpips)
            scores |= {f"{name}.{metric}": value for metric, value in found.items()}
            missing |= {f"{name}.{metric}": reason for metric, reason in reasons.items()}
        for group, (found, reasons) in _scores_by_place(scoring, photos, picture, lpips).items():
            scores |= {f"{group}.{metric}": value for metric, value in found.items()}
            missing |= {f"{group}.{metric}": reason for metric, reason in reasons.items()}
    except InvalidInput as error:
        raise Broken(Reason.BAD_PREDICTION, f"{path.name}: {error.message}") from error
    return scores, missing


def _scores_by_place(
    scoring: Scoring, photos: Photos, picture: NDArray[np.generic], lpips: Lpips | Missing
) -> dict[str, tuple[dict[str, float], dict[str, str]]]:
    """Scores by region and artefacts, and reasons for missing values; per group."""
    groups = {REGIONS: COLUMNS} if scoring.regions else {}
    if scoring.artefacts:
        groups[ARTEFACTS] = ARTEFACT_COLUMNS
    if not groups:
        return {}
    if min(photos.wide.shape[:2]) < SMALLEST:
        small = f"judged from {SMALLEST} pixels per side"
        return {group: ({}, dict.fromkeys(columns, small)) for group, columns in groups.items()}
    regions = find_regions(photos.wide, photos.shallow)
    found = {}
    if scoring.regions:
        found[REGIONS] = _region_scores(photos, regions, picture, lpips)
    if scoring.artefacts:
        values = artefact_scores(find_artefacts(photos, regions, picture))
        found[ARTEFACTS] = values, {name: NOTHING for name in ARTEFACT_COLUMNS if name not in values}
    return found


def _region_scores(
    photos: Photos, regions: Regions, picture: NDArray[np.generic], lpips: Lpips | Missing
) -> tuple[dict[str, float], dict[str, str]]:
    found = regions.score(picture, lpips=lpips)
    no_lpips = lpips.lacks(min(photos.wide.shape[:2])) or EMPTY
    return found, {
        name: no_lpips if name.startswith("lpips") else EMPTY for name in COLUMNS if name not in found
    }


def _here(scoring: Scoring) -> Iterator[Row]:
    return map(partial(score_pair, scoring), range(len(scoring.source)))


def _in_processes(scoring: Scoring, count: int) -> Iterator[Row]:
    """Rows in the order of completion; if a worker dies, only its pair fails."""
    workers = Workers(count=count, prepare=partial(_prepare_worker, scoring.lpips))
    for index, row in run_jobs(partial(score_pair, scoring), range(len(scoring.source)), workers):
        if isinstance(row, WorkerLost):
            yield failed(index, f"pair {index}", Reason.WORKER_CRASH, str(row))
        else:
            yield row


def _prepare_worker(net: Net) -> None:
    """Use one thread in each worker."""
    import cv2

    cv2.setNumThreads(1)
    if usable_lpips(net):
        import torch

        torch.set_num_threads(1)
