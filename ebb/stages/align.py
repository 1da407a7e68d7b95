"""Align stage: register the two photos of a pair and write their common part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebb.aligned_pair import align_sources
from ebb.arrays import Size
from ebb.dataset.catalog import CatalogRow, pairs_of, read_catalog
from ebb.files import write_atomic
from ebb.formats.png import encode_png
from ebb.results import ALIGN, StoredAlignment, stored_alignment
from ebb.runner.items import Result
from ebb.runner.keys import align_key
from ebb.runner.stage import StageReport, run_pairs
from ebb.scan.inputs import ingested_photo

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.progress import Progress
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


def run(workspace: Workspace, settings: AlignSettings, run: RunSettings, progress: Progress) -> StageReport:
    """Align every pair of camera files in the catalogue."""
    todo = jobs(workspace, settings)
    workspace.save_settings(align=settings)
    return run_pairs(workspace.state, ALIGN, todo, align_pair, run, progress)


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
    outputs = {
        name: write_atomic(job.folder / name, encode_png(photo))
        for name, photo in (("wide.png", aligned.wide), ("shallow.png", aligned.shallow))
    }
    size = Size(aligned.wide.shape[1], aligned.wide.shape[0])
    return Result(value=stored_alignment(aligned.registration, size), outputs=outputs)
