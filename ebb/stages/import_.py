"""Import stage: take the pairs of an EBB! folder into the data set, with their pixels unchanged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast

import numpy as np

from ebb.arrays import Gray8, Rect, Rgb8, Size
from ebb.dataset.catalog import CatalogRow, Pair, pairs_of, read_catalog, write_catalog
from ebb.dataset.layouts import EbbListing, EbbPair, find_ebb_pairs
from ebb.errors import Broken, InvalidInput, Reason, Status
from ebb.files import sha256_bytes, write_atomic
from ebb.formats.png import decode_png, encode_png
from ebb.pair_ids import pair_id, scene_of
from ebb.photo.capture import FileMetadata
from ebb.photo.decode import decode
from ebb.photo.probe import probe
from ebb.results import ALIGN, DEPTH, IMPORT, DepthMap, StoredAlignment
from ebb.runner.items import Result
from ebb.runner.keys import align_key
from ebb.runner.stage import StageReport, run_pairs
from ebb.scan.folder import FileJob, catalog_row, existing_folder, read_folder, walk
from ebb.scan.inputs import read_ingested
from ebb.settings import AlignSettings, IngestSettings
from ebb.state import FileRow, StageRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ebb.dataset.catalog import Role
    from ebb.dataset.splits import Split
    from ebb.progress import Progress
    from ebb.settings import RunSettings
    from ebb.workspace import Workspace


@dataclass(frozen=True)
class ImportJob:
    """A pair to import."""

    pair_id: str
    key: str
    folder: Path
    pair: Pair


def run(workspace: Workspace, source: Path, run: RunSettings, progress: Progress) -> StageReport:
    """Import every pair of an EBB! folder, with its split.

    Raises:
        InvalidInput: the folder holds no pair of that layout.
    """
    folder, jobs, listing = check_ready(source)
    known = {row.name: row for row in workspace.state.file_rows(str(folder))}
    wanted = {path for pair in listing.pairs for path in pair.paths if path}
    todo = [job for job in jobs if job.name in wanted]
    found = read_folder(todo, read_file, run, progress, known, workspace.state.put_file)
    files = {row.name: row for row in found.rows}
    rows = list(_catalog_rows(str(folder), listing, files))
    others = read_catalog(workspace.catalog_file) if workspace.catalog_file.exists() else []
    others = [row for row in others if row.folder != str(folder)]
    workspace.write(workspace.catalog_file, write_catalog([*others, *rows]))
    report = _take_in_all(workspace, pairs_of(rows), run, progress)
    workspace.state.put_splits(_splits(listing.pairs, files))
    for row in rows:
        if row.reason is not None and row.reason is not Reason.UNSUPPORTED_FILE:
            report.add(row.status, row.reason)
    return report


def check_ready(source: Path) -> tuple[Path, list[FileJob], EbbListing]:
    """Find the pairs of an EBB! folder.

    Returns:
        The resolved folder, a job for each file, and the pairs.

    Raises:
        InvalidInput: it is not a folder, or holds no pair of that layout.
    """
    folder = existing_folder(source)
    jobs = list(walk(folder, IngestSettings().max_megapixels))
    listing = find_ebb_pairs(job.name for job in jobs)
    if not listing.pairs:
        raise InvalidInput(
            "no pairs here", path=folder, hint="expected train/original/0.jpg and train/bokeh/0.jpg"
        )
    return folder, jobs, listing


def read_file(job: FileJob) -> Result[FileMetadata]:
    """Hash a photo and read its size. Runs in a worker.

    Raises:
        Broken: it cannot be read, is damaged or too large.
    """
    data = job.read()
    size = probe(data, PurePosixPath(job.name).suffix.lower(), job.max_megapixels)
    return Result(value=FileMetadata(sha256=sha256_bytes(data), width=size.width, height=size.height))


def take_in(job: ImportJob) -> Result[StoredAlignment]:
    """Store the photos and the depth map of a pair as PNG. Runs in a worker.

    Raises:
        Broken: a file is damaged, or its size differs from that of the others.
    """
    wide, shallow = (_photo(row) for row in (job.pair.wide, job.pair.shallow))
    size = Size(wide.shape[1], wide.shape[0])
    if shallow.shape != wide.shape:
        raise Broken(
            Reason.CORRUPT_INPUT,
            f"{shallow.shape[1]} x {shallow.shape[0]}, the wide photo is {size.width} x {size.height}",
            path=job.pair.shallow.name,
        )
    images: dict[str, Rgb8 | Gray8] = {"wide.png": wide, "shallow.png": shallow}
    if job.pair.depth is not None:
        images["depth.png"] = _depth(job.pair.depth, size)
    outputs = {name: write_atomic(job.folder / name, encode_png(image)) for name, image in images.items()}
    return Result(value=StoredAlignment(size=size, crop=Rect(0, 0, *size)), outputs=outputs)


def _take_in_all(
    workspace: Workspace, pairs: Sequence[Pair], run: RunSettings, progress: Progress
) -> StageReport:
    settings = AlignSettings()  # without effect on imported photos
    jobs = [
        ImportJob(pair.pair_id, align_key(pair, settings), workspace.pair(pair.pair_id), pair)
        for pair in pairs
    ]
    report = run_pairs(workspace.state, ALIGN, jobs, take_in, run, progress)
    report.stage = IMPORT
    aligned, deep = workspace.state.stage_rows(ALIGN), workspace.state.stage_rows(DEPTH)
    for pair in pairs:
        row = aligned[pair.pair_id]
        if row.status is Status.OK and (pair.depth is not None or not _has_map(deep.get(pair.pair_id), row)):
            workspace.state.put_stage(_depth_row(row, IMPORT if pair.depth is not None else "none"))
    return report


def _has_map(depth: StageRow[DepthMap] | None, aligned: StageRow[StoredAlignment]) -> bool:
    """Whether ``ebb depth`` made a map for these photos after their import."""
    return depth is not None and depth.status is Status.OK and depth.upstream == aligned.key


def _depth_row(aligned: StageRow[StoredAlignment], provider: str) -> StageRow[DepthMap]:
    """Make the row of the depth stage of an imported pair, with or without a depth map."""
    return StageRow(
        pair_id=aligned.pair_id,
        stage=DEPTH,
        key=aligned.key,
        status=Status.OK,
        upstream=aligned.key,
        value=DepthMap(provider=provider, recipe=provider),
    )


def _photo(row: CatalogRow) -> Rgb8:
    photo = decode(read_ingested(row), PurePosixPath(row.name).suffix.lower(), 1, keep_depth=True)
    if photo.dtype != np.uint8:
        raise Broken(Reason.CORRUPT_INPUT, f"{photo.dtype} samples; the release has 8 bits", path=row.name)
    return photo.astype(np.uint8, copy=False)


def _depth(row: CatalogRow, photo: Size) -> Gray8:
    try:
        depth = decode_png(read_ingested(row))
    except InvalidInput as error:
        raise Broken(Reason.BAD_DEPTH, error.message, path=row.name) from error
    if depth.shape != (photo.height // 2, photo.width // 2):
        raise Broken(
            Reason.BAD_DEPTH,
            f"shape {depth.shape}; expected grey at half the photo's size",
            path=row.name,
        )
    return depth


def _catalog_rows(folder: str, listing: EbbListing, files: Mapping[str, FileRow]) -> Iterator[CatalogRow]:
    for pair in listing.pairs:
        pair_files = {role: files[path] for role, path in pair.paths._asdict().items() if path}
        is_whole = all(file.status is Status.OK for file in pair_files.values())
        key = _pair_id(pair, files) if is_whole else ""
        partner = {"wide": pair.paths.shallow, "shallow": pair.paths.wide, "depth": ""}
        for role, file in pair_files.items():
            yield replace(
                catalog_row(file),
                origin="import",
                role=cast("Role", role),
                scene=scene_of(key),
                pair_id=key,
                partner=partner[role] if is_whole else "",
            )
    for problem in listing.problems:
        yield CatalogRow(
            folder=folder,
            name=problem.partition(":")[0],
            origin="import",
            status=Status.REJECTED,
            reason=Reason.MISSING_PARTNER,
            detail=problem,
        )


def _splits(pairs: Sequence[EbbPair], files: Mapping[str, FileRow]) -> dict[str, Split]:
    whole = [pair for pair in pairs if all(files[path].status is Status.OK for path in pair.paths if path)]
    return {_pair_id(pair, files): pair.split for pair in whole}


def _pair_id(pair: EbbPair, files: Mapping[str, FileRow]) -> str:
    wide, shallow = (catalog_row(files[path]) for path in (pair.paths.wide, pair.paths.shallow))
    return pair_id(wide.sha256, shallow.sha256)
