"""Import stage: take the pairs of an existing data set in, unchanged and measured, or to be aligned again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from ebb.arrays import Gray8, Rgb8, Size
from ebb.dataset.catalog import CatalogRow, Pair, pairs_of, read_catalog, write_catalog
from ebb.depthmap.encoding import encode_depth8, half_of, half_size_homography, resample_depth
from ebb.depthmap.sidecar import read_sidecar
from ebb.errors import Broken, InvalidInput, ItemError, Reason, Status
from ebb.files import remove_files, write_atomic
from ebb.formats.png import decode_png, encode_png
from ebb.measurements import PROFILES, Limits
from ebb.names import counted
from ebb.photo.decode import decode
from ebb.photo.frame import DevelopedFrame
from ebb.quality.exposure import exif_ev
from ebb.registration.as_stored import measure_as_stored
from ebb.results import ALIGN, DEPTH, IMPORT, DepthMap, StoredAlignment, measured_only
from ebb.runner.items import Result
from ebb.runner.keys import align_key
from ebb.runner.stage import StageReport, run_pairs
from ebb.scan.data_set import Request, catalog_rows, find_data_set, read_file, read_own_file, splits_of
from ebb.scan.folder import read_folder
from ebb.scan.inputs import read_ingested
from ebb.settings import AlignSettings
from ebb.state import StageRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebb.dataset.found_pairs import Listing
    from ebb.progress import Progress
    from ebb.settings import RunSettings
    from ebb.workspace import Workspace


@dataclass(kw_only=True)
class ImportReport(StageReport):
    """Counts of an import."""

    layout: str
    splits: dict[str, int] = field(default_factory=dict)
    """Split → pairs that were found; empty text: those without a split."""
    with_depth: int = 0
    without_depth: int = 0
    files_ignored: int = 0
    """Files that are not part of the layout."""
    limits: str = ""
    """Profile of the limits, if they are those of one."""
    would_refuse: int = 0
    """Pairs that the limits would refuse, among those that are stored unchanged."""
    would_refuse_for: Counter[str] = field(default_factory=Counter)
    """Reason that decides → pairs."""

    @property
    def notes(self) -> list[str]:
        """What was found, and what the limits say."""
        splits = ", ".join(f"{count} {split or 'without a split'}" for split, count in self.splits.items())
        ignored = f"; {counted(self.files_ignored, 'other file')} ignored" if self.files_ignored else ""
        lines = [f"layout {self.layout}: {splits}{ignored}", self._depth_note]
        if self.would_refuse:
            reasons = ", ".join(f"{count} {reason}" for reason, count in self.would_refuse_for.most_common())
            again = Reason.MISALIGNED in self.would_refuse_for
            lines.append(
                f"{self.would_refuse} of {self.total} would be refused by {self.limits or 'these limits'} "
                f"({reasons}): see refused.csv; --refuse leaves them out"
                + ", --realign registers again"
                * again
            )
        return lines

    @property
    def _depth_note(self) -> str:
        if not self.with_depth:
            return "depth maps: none"
        return f"depth maps: {self.with_depth} pairs with, {self.without_depth} without"


@dataclass(frozen=True)
class ImportJob:
    """A pair to import."""

    pair_id: str
    key: str
    folder: Path
    pair: Pair


def run(
    workspace: Workspace, request: Request, limits: Limits, run: RunSettings, progress: Progress
) -> ImportReport:
    """Take every pair of a data set into the catalogue; measure it, unless it is to be aligned.

    Args:
        workspace: The dataset folder; the limits are stored as those of the align stage.
        request: What to import.
        limits: What the measurements are held against.
        run: How the run is carried out.
        progress: Shows every file and pair.

    Raises:
        InvalidInput: the folder holds no pair of a known layout, or damaged metadata.
        UsageError: the CSV file is not valid, or several layouts fit.
    """
    folder, jobs, listing = find_data_set(request)
    known = {row.name: row for row in workspace.state.file_rows(str(folder))}
    read = read_file if request.pairs is None else read_own_file
    found = read_folder(jobs, read, run, progress, known, workspace.state.put_file)
    files = {row.name: row for row in found.rows}
    rows = list(catalog_rows(listing, files, "realign" if request.realign else "import"))
    others = read_catalog(workspace.catalog_file) if workspace.catalog_file.exists() else []
    others = [row for row in others if row.folder != str(folder)]
    workspace.write(workspace.catalog_file, write_catalog([*others, *rows]))
    pairs = pairs_of(rows)
    workspace.state.put_splits(splits_of(listing.pairs, files))
    report = _report(listing, pairs, request)
    if not request.realign:
        known_limits = {item.name: getattr(limits, item.name) for item in fields(Limits)}
        settings = replace(workspace.settings(AlignSettings), **known_limits)
        workspace.save_settings(align=settings)
        _take_in_all(workspace, pairs, run, progress, report)
        _count_refusals(workspace, pairs, settings, report)
    for row in rows:
        if row.reason is not None:
            report.add(row.status, row.reason)
    return report


def take_in(job: ImportJob) -> Result[StoredAlignment]:
    """Store photos and depth map of a pair as PNG, and measure the photos. Runs in a worker.

    Raises:
        Broken: a file is damaged, or its size differs from that of the others.
    """
    wide, shallow = (_photo(row) for row in (job.pair.wide, job.pair.shallow))
    size = Size(wide.shape[1], wide.shape[0])
    if shallow.shape != wide.shape:
        other = f"{shallow.shape[1]} x {shallow.shape[0]}"
        message = f"{other}, the wide photo is {size.width} x {size.height}: only --realign takes such a pair"
        raise Broken(Reason.CORRUPT_INPUT, message, path=job.pair.shallow.name)
    images: dict[str, Rgb8 | Gray8] = {"wide.png": wide, "shallow.png": shallow}
    if job.pair.depth is not None:
        images["depth.png"] = _depth(job.pair.depth, size)
    else:
        remove_files(job.folder / name for name in ("depth.png", "depth.npy"))
    ev = exif_ev(_exposure(job.pair.wide), _exposure(job.pair.shallow))
    measured = measure_as_stored(DevelopedFrame(wide), DevelopedFrame(shallow), ev)
    outputs = {name: write_atomic(job.folder / name, encode_png(image)) for name, image in images.items()}
    return Result(value=measured_only(measured, size), outputs=outputs)


def _take_in_all(
    workspace: Workspace, pairs: Sequence[Pair], run: RunSettings, progress: Progress, report: ImportReport
) -> None:
    settings = AlignSettings()  # without effect on unchanged photos
    jobs = [
        ImportJob(pair.pair_id, align_key(pair, settings), workspace.pair(pair.pair_id), pair)
        for pair in pairs
    ]
    done = run_pairs(workspace.state, ALIGN, jobs, take_in, run, progress, title=IMPORT)
    for name in ("unchanged", "ok", "rejected", "failed", "reasons"):
        setattr(report, name, getattr(done, name))
    aligned, deep = workspace.state.stage_rows(ALIGN), workspace.state.stage_rows(DEPTH)
    for pair in pairs:
        row = aligned[pair.pair_id]
        if row.status is Status.OK and (pair.depth is not None or not _has_map(deep.get(pair.pair_id), row)):
            workspace.state.put_stage(_depth_row(row, IMPORT if pair.depth is not None else "none"))


def _count_refusals(
    workspace: Workspace, pairs: Sequence[Pair], limits: Limits, report: ImportReport
) -> None:
    rows = workspace.state.stage_rows(ALIGN)
    values = [value for pair in pairs if (value := rows[pair.pair_id].value) is not None]
    first = [refusals[0].reason for value in values if (refusals := value.refusals(limits))]
    profiles = [name for name, profile in PROFILES.items() if _has_limits(limits, profile)]
    report.limits = f"profile {profiles[0]}" if profiles else ""
    report.would_refuse, report.would_refuse_for = len(first), Counter(map(str, first))


def _has_limits(settings: Limits, profile: Limits) -> bool:
    return all(getattr(settings, name) == value for name, value in vars(profile).items())


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
    data, suffix = read_ingested(row), PurePosixPath(row.name).suffix.lower()
    try:
        photo = decode(data, suffix, row.orientation, keep_depth=True)
    except Broken as error:
        raise error.with_path(row.name) from error
    if photo.dtype != np.uint8:
        message = f"{photo.dtype} samples; only photos of 8 bits are stored unchanged"
        raise Broken(Reason.UNSUPPORTED_PIXELS, message, path=row.name)
    return photo.astype(np.uint8, copy=False)


def _exposure(row: CatalogRow) -> tuple[float | None, float | None, float | None]:
    return row.f_number, row.exposure_time_s, row.iso


def _depth(row: CatalogRow, photo: Size) -> Gray8:
    """Return the depth map at half the photo's size: as it is if it has that, else resampled."""
    data, suffix = read_ingested(row), PurePosixPath(row.name).suffix
    try:
        half = half_of(photo)
        depth = _grey(data) if suffix.lower() == ".png" else None
        if depth is not None and depth.shape == (half.height, half.width):
            return depth
        values = read_sidecar(data, suffix, "inverse", photo)
        stored = Size(values.shape[1], values.shape[0])
        return encode_depth8(resample_depth(values, half_size_homography(np.eye(3), photo, stored), half))
    except ItemError as error:
        raise Broken(Reason.BAD_DEPTH, error.message, path=row.name) from error


def _grey(data: bytes) -> Gray8 | None:
    """Pixels of a PNG of 8-bit grey; ``None`` for another."""
    try:
        depth = decode_png(data)
    except InvalidInput:
        return None
    return depth if depth.ndim == 2 else None


def _report(listing: Listing, pairs: Sequence[Pair], request: Request) -> ImportReport:
    deep = sum(pair.depth is not None for pair in pairs)
    return ImportReport(
        stage=IMPORT,
        layout=listing.layout,
        total=len(pairs),
        ok=len(pairs) if request.realign else 0,
        splits=dict(Counter(pair.split or "" for pair in listing.pairs)),
        with_depth=deep,
        without_depth=len(pairs) - deep,
        files_ignored=len(listing.ignored),
    )
