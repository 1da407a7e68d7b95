"""Ingest stage: hash and read every file of a folder, pair the captures and write the catalogue."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ebb.dataset.catalog import CatalogRow, Pair, pairs_of, read_catalog, scenes_of, write_catalog
from ebb.depthmap.sidecar import depth_files, is_depth_file
from ebb.errors import Broken, ExitCode, InvalidInput, Reason, Rejected, Status, UsageError
from ebb.files import check_regular, sha256_bytes
from ebb.names import as_text, counted, is_text, natural_key, one_line, similar
from ebb.pair_ids import scene_of
from ebb.photo.capture import Capture, FileMetadata
from ebb.photo.color import check_color
from ebb.photo.decode import developed_size
from ebb.photo.exif import read_exif
from ebb.photo.explanation import explain
from ebb.photo.pairing import Verdict, pair_captures
from ebb.photo.pairs_file import pair_by_list, read_pairs_csv
from ebb.photo.probe import probe
from ebb.photo.suffixes import PHOTO_SUFFIXES
from ebb.runner.items import Result
from ebb.scan.folder import (
    CLOSED_FOLDER,
    FileJob,
    FolderRows,
    catalog_row,
    existing_folder,
    read_folder,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebb.progress import Progress
    from ebb.settings import IngestSettings, RunSettings
    from ebb.state import FileRow
    from ebb.workspace import Workspace

STAGE = "ingest"


@dataclass(kw_only=True)
class IngestReport:
    """Summary of the files of a folder and their pairing."""

    folder: str
    num_files: int = 0
    num_captures: int = 0
    num_pairs: int = 0
    num_scenes: int = 0
    """Number of wide photos of the pairs."""
    wide_f_numbers: dict[str, int] = field(default_factory=dict)
    """For --series: f-number of the wide photos → number of scenes."""
    num_further: int = 0
    """Number of scenes of which --series would use further photos."""
    unchanged: int = 0
    """Number of files with the size and time of the last ingest, which were not read again."""
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    rows: list[CatalogRow] = field(default_factory=list, repr=False)

    @property
    def exit_code(self) -> ExitCode:
        """3 if a file cannot be read, else 0; files that are not used by a rule are no failures."""
        return ExitCode.ITEMS_FAILED if self.failed else ExitCode.DONE

    def as_dict(self) -> dict[str, Any]:
        """The same for ``--json``."""
        counts = {key: value for key, value in self.__dict__.items() if key not in ("rows", "reasons")}
        aside = [row for row in self.rows if row.reason]
        return {
            "stage": STAGE,
            **counts,
            "reasons": dict(sorted(self.reasons.items())),
            "pairs": [
                {"pair_id": pair.pair_id, "wide": pair.wide.name, "shallow": pair.shallow.name}
                for pair in pairs_of(self.rows)
            ],
            "not_used": [{"name": row.name, "reason": row.reason, "detail": row.detail} for row in aside],
        }


def run(
    workspace: Workspace, raw_dir: Path, settings: IngestSettings, run: RunSettings, progress: Progress
) -> IngestReport:
    """Read and pair a folder and write the catalogue; rows of other ingested folders are kept.

    A folder that no longer exists is removed if all of its photos are in this one: it was moved.

    Raises:
        InvalidInput: ``raw_dir`` is not a folder.
        UsageError: the ``--pairs`` file does not fit the folder.
    """
    folder = existing_folder(raw_dir)
    known = {row.name: row for row in workspace.state.file_rows(str(folder))}
    jobs = list(walk(folder, settings.max_megapixels))
    found = read_folder(jobs, read_file, run, progress, known, workspace.state.put_file)
    workspace.state.drop_files(str(folder), known.keys() - {row.name for row in found.rows})
    report = _report(folder, found, settings)
    others = read_catalog(workspace.catalog_file) if workspace.catalog_file.exists() else []
    moved = _moved_here(others, report.rows)
    for other in moved:
        names = [row.name for row in workspace.state.file_rows(other)]
        workspace.state.drop_files(other, names)
    others = [row for row in others if row.folder not in (str(folder), *moved)]
    workspace.write(workspace.catalog_file, write_catalog([*others, *report.rows]))
    workspace.save_settings(ingest=settings)
    return report


def _moved_here(others: Sequence[CatalogRow], rows: Sequence[CatalogRow]) -> list[str]:
    here = {row.sha256 for row in rows}
    photos: dict[str, set[str]] = {}
    for row in others:
        if row.sha256 and row.origin == "camera":
            photos.setdefault(row.folder, set()).add(row.sha256)
    return [folder for folder, found in photos.items() if found <= here and not Path(folder).exists()]


def check_ready(raw_dir: Path, settings: IngestSettings) -> None:
    """Check that there are photos to read, before any of them is read.

    Raises:
        InvalidInput: ``raw_dir`` is not a folder, or no file in it has the ending of a photo.
        UsageError: the ``--pairs`` file cannot be read.
    """
    names = [job.name for job in walk(existing_folder(raw_dir), settings.max_megapixels)]
    if not any(PurePosixPath(name).suffix.lower() in PHOTO_SUFFIXES for name in names):
        found = f"no photo in this folder, {counted(len(names), 'other file')}" if names else "no files here"
        hint = "name the folder that holds the photos; if it is a disk or a card, is it mounted?"
        raise InvalidInput(found, path=raw_dir, hint=hint)
    if settings.pairs is not None:
        _read_pairs(settings.pairs)


def preview(raw_dir: Path, settings: IngestSettings, run: RunSettings, progress: Progress) -> IngestReport:
    """Read and pair a folder as :func:`run` does, without writing.

    Raises:
        InvalidInput: ``raw_dir`` is not a folder.
    """
    folder = existing_folder(raw_dir)
    return _report(folder, _look(folder, settings, run, progress), settings)


def explain_file(
    raw_dir: Path, name: str, settings: IngestSettings, run: RunSettings, progress: Progress
) -> str:
    """Explain why a file of a folder is or is not paired, without writing.

    Raises:
        UsageError: there is no file, or more than one, of that name.
    """
    name = _find_file(raw_dir, name, settings)
    files = _look(existing_folder(raw_dir), settings, run, progress).rows
    row = next(row for row in catalog_rows(files, settings) if row.name == name)
    for verdict in _verdicts(files, settings):
        if verdict.capture.name == row.name:
            return explain(replace(verdict, detail=row.detail))
    what = [f"{row.role} file of {row.pair_id}"]
    if row.reason:
        what = [f"{row.reason}: {row.detail}", row.reason.advice]
    return "\n".join(map(one_line, [row.name, *what]))


def _find_file(raw_dir: Path, name: str, settings: IngestSettings) -> str:
    """Find a file by its path within the folder, its path from the working folder, or its name.

    Raises:
        UsageError: there is no file, or more than one, of that name.
    """
    folder = existing_folder(raw_dir)
    names = [as_text(job.name) for job in walk(folder, settings.max_megapixels)]
    typed = Path(name).absolute()
    place = typed.parent.resolve() / typed.name  # a link to a file is not followed
    within = place.relative_to(folder).as_posix() if place.is_relative_to(folder) else ""
    name, within = as_text(name), as_text(within)
    for found in (
        [one for one in names if one == name],
        [one for one in names if one == within],
        [one for one in names if PurePosixPath(one).name == name],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            what, hint = f"fits {len(found)} files: {', '.join(found)}", "name one with its path"
            raise UsageError(f"--explain {name} {what}", path=raw_dir, hint=hint)
    near = similar(name, names)
    hint = f"close: {', '.join(near)}" if near else "a file's name, or its path within the folder"
    raise UsageError(f"--explain {name}: there is no such file", path=raw_dir, hint=hint)


def read_file(job: FileJob) -> Result[FileMetadata]:
    """Hash a file and read its header and EXIF. Runs in a worker.

    Raises:
        Broken: it cannot be read, is damaged or too large.
        Rejected: it is not a camera file.
    """
    path = PurePosixPath(job.name)
    suffix = path.suffix.lower()
    if not is_text(job.name):
        raise Broken(Reason.UNREADABLE, "the file name is not valid UTF-8; rename the file")
    if is_depth_file(path):
        return Result(value=FileMetadata(sha256=sha256_bytes(job.read()), kind="depth"))
    if suffix not in PHOTO_SUFFIXES and job.size != CLOSED_FOLDER:
        raise Rejected(Reason.UNSUPPORTED_FILE, f"{suffix or 'no'} ending: not a camera file")
    data = job.read()
    stored = probe(data, suffix, job.max_megapixels)
    check_color(data, suffix)
    exif = read_exif(data, suffix)
    size = developed_size(stored, exif.orientation)
    return Result(
        value=FileMetadata(sha256=sha256_bytes(data), width=size.width, height=size.height, exif=exif)
    )


def catalog_rows(files: Sequence[FileRow], settings: IngestSettings) -> list[CatalogRow]:
    """Pair the files that could be read; return a catalogue row for each file, in name order."""
    verdicts = {verdict.capture.name: verdict for verdict in _verdicts(files, settings)}
    rows = {row.name: _catalog_row(row, verdicts.get(row.name)) for row in files}
    depth_of = depth_files(row.name for row in rows.values() if row.role == "depth")
    for row in [row for row in rows.values() if row.role == "wide"]:
        name = depth_of.get(str(PurePosixPath(row.name).with_suffix("")))
        if name is not None:
            rows[name] = replace(rows[name], scene=row.scene, pair_id=row.pair_id)
    for row in [row for row in rows.values() if row.partner]:
        rows[row.name] = replace(row, partner_f_number=rows[row.partner].f_number)
    return _with_broken_neighbours(list(rows.values()))


def _with_broken_neighbours(rows: list[CatalogRow]) -> list[CatalogRow]:
    """Note for a photo without a partner that the file next to it is broken."""
    photos = [row for row in rows if PurePosixPath(row.name).suffix.lower() in PHOTO_SUFFIXES]
    photos.sort(key=lambda row: natural_key(row.name))
    beside: dict[str, str] = {}
    for one, other in pairwise(photos):
        for row, neighbour in ((one, other), (other, one)):
            if row.reason is Reason.MISSING_PARTNER and neighbour.status is Status.ERROR:
                beside.setdefault(row.name, neighbour.name)
    return [
        replace(row, detail=f"{row.detail}; {beside[row.name]} next to it is broken")
        if row.name in beside
        else row
        for row in rows
    ]


def _look(folder: Path, settings: IngestSettings, run: RunSettings, progress: Progress) -> FolderRows:
    jobs = list(walk(folder, settings.max_megapixels))
    return read_folder(jobs, read_file, run, progress, {}, lambda _row: None)


def _verdicts(files: Sequence[FileRow], settings: IngestSettings) -> list[Verdict]:
    captures = [_capture(row, row.metadata) for row in files if row.metadata and row.metadata.kind == "photo"]
    if settings.pairs is None:
        return pair_captures(captures, settings)
    try:
        names = [capture.name for capture in captures]
        wanted = read_pairs_csv(_read_pairs(settings.pairs), names, _unusable(files))
        return pair_by_list(captures, wanted, settings)
    except UsageError as error:
        raise UsageError(error.message, path=settings.pairs, hint=error.hint) from error


def _unusable(files: Sequence[FileRow]) -> dict[str, str]:
    """Files that are no captures, and why."""
    depth = {row.name: "it is a depth file" for row in files if row.metadata and row.metadata.kind == "depth"}
    return depth | {row.name: f"{row.reason}: {row.detail}" for row in files if not row.metadata}


def _read_pairs(path: Path) -> str:
    try:
        check_regular(path)
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        hint = "correct --pairs; if ebb.toml names it, remove the line to pair by aperture and time again"
        raise UsageError(f"cannot read the pairs file: {error.strerror}", path=path, hint=hint) from error
    except UnicodeDecodeError as error:
        hint = "save it again as UTF-8; spreadsheets call that CSV UTF-8"
        raise UsageError(f"the pairs file is not UTF-8: {error.reason}", path=path, hint=hint) from error


def _capture(row: FileRow, metadata: FileMetadata) -> Capture:
    return Capture(
        name=row.name,
        folder=row.folder,
        sha256=metadata.sha256,
        width=metadata.width,
        height=metadata.height,
        exif=metadata.exif,
    )


def _catalog_row(row: FileRow, verdict: Verdict | None) -> CatalogRow:
    found = catalog_row(row)
    if verdict is None:
        return replace(found, role="depth") if row.metadata and row.metadata.kind == "depth" else found
    return replace(
        found,
        role=verdict.role,
        scene=scene_of(verdict.pair_id),
        pair_id=verdict.pair_id,
        partner=verdict.partner,
        status=verdict.status,
        reason=verdict.reason,
        detail=verdict.detail,
    )


def _wide_f_numbers(pairs: Sequence[Pair]) -> dict[str, int]:
    """Number of scenes by the f-number of their wide photos, the most frequent one first."""
    wides = [scene[0].wide for scene in scenes_of(pairs).values()]
    return dict(Counter(f"f/{wide.f_number:g}" for wide in wides if wide.f_number).most_common())


def _num_series(files: Sequence[FileRow], settings: IngestSettings) -> int:
    """Number of scenes with several pairs if they are paired as series."""
    rows = catalog_rows(files, replace(settings, series=True))
    return sum(len(pairs) > 1 for pairs in scenes_of(pairs_of(rows)).values())


def _report(folder: Path, found: FolderRows, settings: IngestSettings) -> IngestReport:
    rows = catalog_rows(found.rows, settings)
    pairs = pairs_of(rows)
    return IngestReport(
        folder=str(folder),
        num_files=len(rows),
        num_captures=sum(bool(row.sha256) and row.role != "depth" for row in rows),
        num_pairs=len(pairs),
        num_scenes=len(scenes_of(pairs)),
        wide_f_numbers=_wide_f_numbers(pairs) if settings.series and settings.pairs is None else {},
        num_further=0 if settings.series or settings.pairs else _num_series(found.rows, settings),
        unchanged=found.unchanged,
        failed=sum(row.status is Status.ERROR for row in rows),
        reasons=Counter(str(row.reason) for row in rows if row.reason),
        rows=rows,
    )
