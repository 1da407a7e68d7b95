"""Read the files of a folder in workers; later runs read only those that changed."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ebb.dataset.catalog import CatalogRow
from ebb.errors import Broken, InvalidInput, Reason, Status
from ebb.names import as_text, is_text
from ebb.photo.capture import FileMetadata
from ebb.photo.file_size import read_photo_file
from ebb.runner.run import run_items
from ebb.state import FileRow
from ebb.workspace import is_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ebb.progress import Progress
    from ebb.runner.items import Outcome, Work
    from ebb.settings import RunSettings


CLOSED_FOLDER = -1
"""Size that marks a folder that cannot be opened, in place of the files inside it."""

_KINDS = (stat.S_IFREG, stat.S_IFLNK)
"""Regular files and dangling links; reading a dangling link fails with an error."""


@dataclass(frozen=True)
class FileJob:
    """One file to read."""

    folder: str
    name: str
    """Path within the folder, with forward slashes."""
    size: int
    mtime_ns: int
    max_megapixels: float

    def read(self) -> bytes:
        """Read the whole file.

        Raises:
            Broken: it cannot be read, or is larger than any photo.
        """
        if self.size == CLOSED_FOLDER:
            raise Broken(Reason.UNREADABLE, "the folder cannot be opened")
        return read_photo_file(Path(self.folder, self.name), self.max_megapixels)


@dataclass(frozen=True)
class FolderRows:
    """The rows of a folder."""

    rows: list[FileRow]
    """In name order."""
    unchanged: int
    """Number of rows from an earlier run."""


def existing_folder(path: Path, holds: str = "the photos") -> Path:
    """Resolve a folder given by the user.

    Args:
        path: The folder.
        holds: What it should hold, for the hint.

    Raises:
        InvalidInput: it is not there, is not a folder, cannot be opened, or its path is not text.
    """
    if not path.is_dir():
        raise InvalidInput("not a folder", path=path, hint=f"name the folder that holds {holds}")
    try:
        os.scandir(path).close()
    except OSError as error:
        raise InvalidInput(f"cannot be opened: {error.strerror}", path=path) from error
    folder = path.resolve()
    if not is_text(str(folder)):
        raise InvalidInput("the path is not valid UTF-8", path=as_text(str(folder)), hint="rename the folder")
    return folder


def read_folder(
    jobs: list[FileJob],
    read: Work[FileJob, FileMetadata],
    run: RunSettings,
    progress: Progress,
    known: Mapping[str, FileRow],
    save: Callable[[FileRow], None],
) -> FolderRows:
    """Read every file that is new, changed since ``known`` or failed before.

    Args:
        jobs: The files of the folder.
        read: Reads one file.
        run: How the run is carried out.
        progress: Shows every file.
        known: Rows of an earlier run by name.
        save: Receives each new row at once.
    """
    kept = [known[job.name] for job in jobs if _is_unchanged(job, known.get(job.name))]
    names = {row.name for row in kept}
    todo = [job for job in jobs if job.name not in names]
    rows = list(kept)
    progress.start("ingest", len(todo))
    try:
        for outcome in run_items(read, todo, run):
            rows.append(_row(outcome))
            save(rows[-1])
            progress.advance(rows[-1].name, outcome.status, outcome.reason, outcome.detail)
    finally:
        progress.finish()
    return FolderRows(sorted(rows, key=lambda row: row.name), len(kept))


def catalog_row(row: FileRow) -> CatalogRow:
    """The catalogue row of a file that is not yet part of a pair."""
    metadata = row.metadata or FileMetadata(sha256="")
    return CatalogRow(
        folder=row.folder,
        name=row.name,
        sha256=metadata.sha256,
        width=metadata.width,
        height=metadata.height,
        **vars(metadata.exif),
        status=row.status,
        reason=row.reason,
        detail=row.detail,
    )


def walk(folder: Path, max_megapixels: float) -> Iterator[FileJob]:
    """Regular files below a folder in name order.

    Hidden files, devices, linked folders and dataset folders are skipped.
    """
    closed: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not _is_made(Path(parent, name))
        )
        for name in sorted(names):
            path = Path(parent, name)
            status = _stat(path)
            if name.startswith(".") or (status and stat.S_IFMT(status.st_mode) not in _KINDS):
                continue
            relative = path.relative_to(folder).as_posix()
            size, mtime_ns = (status.st_size, status.st_mtime_ns) if status else (0, 0)
            yield FileJob(str(folder), relative, size, mtime_ns, max_megapixels)
    for error in closed:
        relative = Path(error.filename).relative_to(folder).as_posix()
        yield FileJob(str(folder), relative, CLOSED_FOLDER, 0, max_megapixels)


def _is_made(folder: Path) -> bool:
    try:
        return is_dataset(folder)
    except PermissionError:  # os.walk reports it as well
        return False


def _stat(path: Path) -> os.stat_result | None:
    """Status of the target of a path, else of the link itself; None if neither can be read."""
    for look in (path.stat, path.lstat):
        with contextlib.suppress(OSError):
            return look()
    return None


def _is_unchanged(job: FileJob, row: FileRow | None) -> bool:
    if row is None or row.status is Status.ERROR:
        return False
    return (row.size, row.mtime_ns) == (job.size, job.mtime_ns)


def _row(outcome: Outcome[FileJob, FileMetadata]) -> FileRow:
    return FileRow(
        folder=outcome.job.folder,
        name=as_text(outcome.job.name),
        size=outcome.job.size,
        mtime_ns=outcome.job.mtime_ns,
        status=outcome.status,
        reason=outcome.reason,
        detail=outcome.detail,
        metadata=outcome.value,
    )
