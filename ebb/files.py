"""Bytes on disk: one atomic writer and one hash for every file the project makes or reads."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ebb.errors import InvalidInput, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPORARY_SUFFIX = ".tmp"
"""Ending of a file that is being written; whatever carries it after a crash is rubbish."""


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of some bytes, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_bytes(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}", path=path) from error


def check_file(path: Path, what: str, hint: str = "") -> None:
    """Make sure, before long work, that an input file is there and no folder.

    Args:
        path: The file.
        what: What kind of file it is, for the message: ``depth file``.
        hint: What to do next.

    Raises:
        InvalidInput: there is no file of this name, or a folder has it.
    """
    if path.is_dir():
        raise InvalidInput(f"a folder, not a {what}", path=path, hint=hint)
    if not path.exists():
        raise InvalidInput(f"no such {what}", path=path, hint=hint)


class BinarySink(Protocol):
    """Where bytes go: any binary file open for writing."""

    def write(self, data: bytes, /) -> int:
        """Write all of ``data``."""
        ...

    def flush(self) -> None:
        """Hand what is buffered to the operating system."""
        ...


class HashingFile:
    """A binary file to write to that knows the SHA-256 and the number of the bytes it was given."""

    def __init__(self, file: BinarySink) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.num_bytes = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        """Write all of ``data``."""
        self._file.write(data)
        self._hash.update(data)
        self.num_bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Hand what is buffered to the operating system."""
        self._file.flush()

    def tell(self) -> int:
        """Position of the next byte."""
        return self.num_bytes

    def close(self) -> None:
        """Do nothing; the code that opened the file closes it."""

    @property
    def sha256(self) -> str:
        """SHA-256 of everything written so far, as 64 hex digits."""
        return self._hash.hexdigest()


@contextmanager
def atomic_file(path: Path) -> Iterator[HashingFile]:
    """Open ``path`` for writing so that it is there whole or not at all, even after a power cut.

    The bytes go to a temporary file of the same folder; on success it is synced, renamed to ``path``
    and the folder is synced. On failure the temporary file is removed.

    Raises:
        OutputError: no space, no permission, not a folder.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield HashingFile(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_atomic(path: Path, data: bytes) -> str:
    """Write a whole file atomically and return the SHA-256 of its bytes.

    Raises:
        OutputError: no space, no permission, not a folder.
    """
    with atomic_file(path) as file:
        file.write(data)
    return file.sha256


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, unless it is there.

    Raises:
        OutputError: no space, no permission, a file in its place.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def check_writable(path: Path, suffix: str = "") -> None:
    """Try out, before long work, whether a file could be written; nothing is left of the trial.

    Args:
        path: The file.
        suffix: What its name must end in, so that it is not one of those it is made of; empty: anything.

    Raises:
        UsageError: it ends in something else.
        OutputError: a folder has its name, its folder cannot be made or written to.
    """
    if suffix and path.suffix != suffix:
        hint = f"such as {path.stem or 'model'}{suffix}"
        raise UsageError(f"the file to write must end in {suffix}", path=path, hint=hint)
    if path.is_dir():
        raise OutputError("cannot write it: a folder has this name", path=path, hint="name a file")
    try:
        with tempfile.TemporaryFile(dir=_existing(path)):
            pass
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Say what stood in the way of writing ``path``, with the space left when that is the reason."""
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return OutputError("cannot write it: a file is where a folder should be", path=_file_in_the_way(path))
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        free = shutil.disk_usage(_existing(path)).free
        return OutputError(
            f"no space to write it ({error.strerror}; {free / 1e6:.0f} MB free)",
            path=path,
            hint="make space and run the same command again: it goes on where it stopped",
        )
    return OutputError(f"cannot write it: {error.strerror or error}", path=path)


def remove_temporaries(folder: Path) -> None:
    """Remove what writers left behind when they were killed. Only for the holder of the dataset lock."""
    for path in folder.rglob(f".*{TEMPORARY_SUFFIX}"):
        if re.fullmatch(rf"\..+\.[0-9]+{re.escape(TEMPORARY_SUFFIX)}", path.name):  # others are the user's
            path.unlink(missing_ok=True)


def _file_in_the_way(path: Path) -> Path:
    return next((place for place in (path, *path.parents) if place.exists() and not place.is_dir()), path)


def _existing(path: Path) -> Path:
    return next(parent for parent in path.absolute().parents if parent.exists())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
