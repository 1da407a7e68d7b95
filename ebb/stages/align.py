"""Align stage: register the two photos of a pair, or all photos of a series, and write their common part."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from ebb.aligned_pair import AlignedPair, align_sources
from ebb.aligned_series import align_series
from ebb.arrays import Size
from ebb.dataset.catalog import CatalogRow, pairs_of, read_catalog
from ebb.errors import InvalidInput, ItemError, Status
from ebb.files import write_atomic
from ebb.formats.png import encode_png
from ebb.hints import command
from ebb.results import ALIGN, StoredAlignment, stored_alignment
from ebb.runner.items import Outcome, Result
from ebb.runner.keys import align_key
from ebb.runner.local import attempt
from ebb.runner.run import run_items
from ebb.runner.stage import StageReport, run_pairs
from ebb.scan.inputs import ingested_photo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from ebb.progress import Progress
    from ebb.runner.items import Work
    from ebb.settings import AlignSettings, RunSettings
    from ebb.workspace import Workspace


@dataclass(frozen=True)
class AlignJob:
    """A pair to align."""

    pair_id: str
    key: str
    wide: CatalogRow
    shallow: CatalogRow
    folder: Path
    settings: AlignSettings
    scene: str
    is_series: bool
    """Whether the scene has several pairs."""


Members: TypeAlias = tuple[AlignJob, ...]
"""The pairs of a series."""

AlignOutcome: TypeAlias = Outcome[AlignJob, StoredAlignment]
SceneOutcome: TypeAlias = Outcome[Members, list[AlignOutcome]]


def check_ready(workspace: Workspace) -> None:
    """Check that there are pairs.

    Raises:
        InvalidInput: the catalogue has none, or is missing or damaged.
    """
    if not pairs_of(read_catalog(workspace.catalog_file)):
        hint = f"to see why a file is in none: {command('ingest RAW_DIR --explain FILE', workspace.root)}"
        raise InvalidInput("no two files make a pair", path=workspace.catalog_file, hint=hint)


def run(workspace: Workspace, settings: AlignSettings, run: RunSettings, progress: Progress) -> StageReport:
    """Align every pair of camera files in the catalogue."""
    todo = jobs(workspace, settings)
    workspace.save_settings(align=settings)
    return run_pairs(
        workspace.state, ALIGN, todo, align_pair, run, progress, run_jobs, together=lambda job: job.scene
    )


def jobs(workspace: Workspace, settings: AlignSettings) -> list[AlignJob]:
    """Return a job for each pair of camera files in the catalogue."""
    pairs = [pair for pair in pairs_of(read_catalog(workspace.catalog_file)) if not pair.is_imported]
    return [
        AlignJob(
            pair_id=pair.pair_id,
            key=align_key(pair, settings),
            wide=pair.wide,
            shallow=pair.shallow,
            folder=workspace.pair(pair.pair_id),
            settings=settings,
            scene=pair.scene,
            is_series=bool(pair.series),
        )
        for pair in pairs
    ]


def align_pair(job: AlignJob) -> Result[StoredAlignment]:
    """Align a pair and write its photos. Runs in a worker.

    Raises:
        Broken: a file changed since ingest or cannot be decoded.
        Rejected: the photos cannot be registered, or a measurement is beyond its limit.
    """
    aligned = align_sources(ingested_photo(job.wide), ingested_photo(job.shallow), job.settings)
    return _store(aligned, encode_png(aligned.wide), job)


def run_jobs(
    work: Work[AlignJob, StoredAlignment], jobs: Iterable[AlignJob], run: RunSettings
) -> Iterator[Outcome[AlignJob, StoredAlignment]]:
    """Align pairs one by one, then series, each of which is one item of a worker."""
    series: dict[str, list[AlignJob]] = {}

    def alone() -> Iterator[AlignJob]:
        for job in jobs:
            if job.is_series:
                series.setdefault(job.scene, []).append(job)
            else:
                yield job

    yield from run_items(work, alone(), run)
    yield from _run_series(work, [tuple(members) for members in series.values()], run)


def align_scene(jobs: Members) -> Result[list[AlignOutcome]]:
    """Align the pairs of a series and write their photos. Runs in a worker.

    Raises:
        Broken: the wide photo changed since ingest or cannot be decoded.
    """
    wide, shallow = ingested_photo(jobs[0].wide), [ingested_photo(job.shallow) for job in jobs]
    start = time.perf_counter()
    made = align_series(wide, shallow, jobs[0].settings)
    share = (time.perf_counter() - start) / len(jobs)
    png = next((encode_png(one.wide) for one in made if isinstance(one, AlignedPair)), b"")
    outcomes = [
        attempt(functools.partial(_finish, one, png), job) for one, job in zip(made, jobs, strict=True)
    ]
    return Result(value=[replace(outcome, seconds=outcome.seconds + share) for outcome in outcomes])


def _run_series(
    work: Work[AlignJob, StoredAlignment], series: Sequence[Members], run: RunSettings
) -> Iterator[AlignOutcome]:
    patient = replace(run, item_timeout=run.item_timeout * max(map(len, series), default=1))
    lost: list[SceneOutcome] = []
    for outcome in run_items(align_scene, series, patient):
        yield from outcome.value or ()
        lost += [outcome] if outcome.value is None else []
    for outcome in lost:
        yield from _without_failures(work, outcome, run, patient)


def _without_failures(
    work: Work[AlignJob, StoredAlignment], lost: SceneOutcome, run: RunSettings, patient: RunSettings
) -> Iterator[AlignOutcome]:
    """Outcomes of a series that failed as a whole: of its pairs that fail alone too, and of the rest."""
    alone = list(run_items(work, lost.job, run))
    failed = [outcome for outcome in alone if outcome.status is Status.ERROR]
    yield from failed
    rest = tuple(outcome.job for outcome in alone if outcome.status is not Status.ERROR)
    if not rest:
        return
    (again,) = run_items(align_scene, [rest], patient) if failed else [lost]
    yield from again.value or [
        Outcome(job=job, status=again.status, reason=again.reason, detail=again.detail) for job in rest
    ]


def _finish(made: AlignedPair | ItemError, png: bytes, job: AlignJob) -> Result[StoredAlignment]:
    if isinstance(made, ItemError):
        raise made
    return _store(made, png, job)


def _store(aligned: AlignedPair, wide_png: bytes, job: AlignJob) -> Result[StoredAlignment]:
    files = {"wide.png": wide_png, "shallow.png": encode_png(aligned.shallow)}
    outputs = {name: write_atomic(job.folder / name, data) for name, data in files.items()}
    size = Size(aligned.wide.shape[1], aligned.wide.shape[0])
    return Result(value=stored_alignment(aligned.registration, size), outputs=outputs)
