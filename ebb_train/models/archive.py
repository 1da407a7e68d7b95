"""The archive that the PyNET authors publish: the files of a checkpoint, in a ZIP or tar file."""

from __future__ import annotations

import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from ebb.errors import InvalidInput
from ebb.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 4_000_000_000
"""Largest total size of the files of a checkpoint; those of PyNET are smaller."""

_PARTS = (".index", ".data-")

_ARCHIVE_ERRORS = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(OSError, EOFError, ValueError, LookupError, OverflowError),
    RuntimeError,  # a password, or a method unknown here
)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Unpack an archive temporarily and return the prefix of its checkpoint; return other paths unchanged.

    Raises:
        InvalidInput: the archive is damaged, or does not contain exactly one checkpoint.
    """
    if not _is_archive(path):
        yield path
        return
    with temporary_folder("archive") as folder:
        try:
            _unpack(path, folder)
        except _ARCHIVE_ERRORS as error:
            raise InvalidInput(f"the archive is damaged: {error}", path=path) from error
        found = sorted(folder.glob("*.index"))
        if len(found) != 1:
            hint = "unpack it, and give the prefix before .index"
            raise InvalidInput(
                f"the archive contains {len(found)} checkpoints instead of one", path=path, hint=hint
            )
        yield found[0].with_suffix("")


def _is_archive(path: Path) -> bool:
    """Whether a file is a ZIP or tar file, by its content."""
    try:
        return path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))
    except _ARCHIVE_ERRORS:  # damaged before the first member
        return False


def _unpack(path: Path, folder: Path) -> None:
    """Write the files of the checkpoint into one folder, without the folders of the archive."""
    left = MAX_BYTES
    for name, size, content in _members(path):
        left -= size
        if left < 0:
            raise InvalidInput(f"more than {MAX_BYTES / 1e9:.0f} GB; not a checkpoint of PyNET", path=path)
        with content, (folder / name).open("xb") as out:
            shutil.copyfileobj(content, out)


def _members(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Name, size and content of every file of a checkpoint."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            for entry in file.infolist():
                if _is_part(entry.filename) and not entry.is_dir():
                    yield PurePosixPath(entry.filename).name, entry.file_size, file.open(entry)
        return
    with tarfile.open(path) as tar:
        for member in tar:
            content = tar.extractfile(member) if _is_part(member.name) and member.isfile() else None
            if content is not None:
                yield PurePosixPath(member.name).name, member.size, content


def _is_part(name: str) -> bool:
    last = PurePosixPath(name).name
    return any(part in last for part in _PARTS) and not last.startswith(".")
