"""Files on disk: atomic writing, hashes, locks and errors of writing."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import re
import shutil
import stat
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Protocol

from ebb.errors import InvalidInput, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

TEMPORARY_SUFFIX = ".tmp"
"""Ending of a file that is being written; after a crash it is removed."""


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of some bytes, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits."""
    check_regular(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_regular(path: Path) -> None:
    """Refuse a device, a pipe or a socket, also behind a link: reading one may never end.

    Raises:
        OSError: it is one of these, or there is no such file.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a folder fails by itself
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def refuse_link(path: Path) -> None:
    """Refuse a symbolic link in the place of a file or folder whose contents ebb writes or removes.

    Raises:
        InvalidInput: it is one; the files behind it belong to somebody else.
    """
    if path.is_symlink():
        raise InvalidInput(
            "a symbolic link, not made by ebb: nothing is written to its target",
            path=path,
            hint="remove the link, or put its target in its place",
        )


def read_regular(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    check_regular(path)
    return path.read_bytes()


def read_bytes(path: Path, most: int | None = None) -> bytes:
    """Read a whole file.

    Args:
        path: The file.
        most: Largest number of bytes to read into memory.

    Raises:
        InvalidInput: it cannot be read, is not a regular file, or is larger.
    """
    try:
        num_bytes = path.stat().st_size
        if most is not None and num_bytes > most:
            message = f"has {num_bytes / 1e6:.0f} MB, more than the {most / 1e6:.0f} MB that are read"
            raise InvalidInput(message, path=path)
        return read_regular(path)
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
    """A binary file that is open for writing."""

    def write(self, data: bytes, /) -> int:
        """Write all of ``data``."""
        ...

    def flush(self) -> None:
        """Pass the buffer to the operating system."""
        ...


class HashingFile:
    """A binary file for writing that computes the SHA-256 and the number of the bytes written."""

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
        """Pass the buffer to the operating system."""
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
    """Open ``path`` for writing so that it is complete or does not exist, even after a power cut.

    The bytes go to a temporary file of the same folder; on success it is synced, renamed to ``path``
    and the folder is synced. On failure the temporary file is removed.

    Raises:
        OutputError: no space, no permission, not a folder.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)  # of a killed process with this number
        with temporary.open("xb") as file:  # never a link to another file
            yield HashingFile(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
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
    """Make a folder and its parents, unless it exists.

    Raises:
        OutputError: no space, no permission, a file in its place.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def remove_files(paths: Iterable[Path]) -> None:
    """Remove files; those that are not there are passed over.

    Raises:
        OutputError: no permission, a folder in its place.
    """
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error


def open_lock(path: Path) -> IO[bytes]:
    """Open a lock file, which is made if it does not exist, and leave its contents unchanged.

    Raises:
        OutputError: no permission, or something else is in its place, such as a symbolic link.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    hint = "remove it and try again"
    try:
        file = open(os.open(path, flags, 0o666), "r+b", buffering=0)  # noqa: PTH123, SIM115 - the caller closes it
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OutputError("a symbolic link in place of the lock", path=path, hint=hint) from error
        raise cannot_write(path, error) from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OutputError("not a regular file, as a lock must be", path=path, hint=hint)
    return file


def check_writable(path: Path, suffix: str = "") -> None:
    """Check before long work whether a file can be written, with a temporary file.

    Temporary files that killed processes left of the same file are removed.

    Args:
        path: The file.
        suffix: Required ending of its name, so that it is not one of the input files; empty: any.

    Raises:
        UsageError: its name has another ending.
        OutputError: a folder has its name, or its folder cannot be made or written to.
    """
    if suffix and path.suffix != suffix:
        hint = f"such as {path.stem or 'model'}{suffix}"
        raise UsageError(f"the file to write must end in {suffix}", path=path, hint=hint)
    if path.is_dir():
        raise OutputError("cannot write it: a folder has this name", path=path, hint="name a file")
    try:
        with tempfile.TemporaryFile(dir=_existing(path)):
            pass
        _remove_abandoned(path)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Make the error for a failed write, with the free space if that is the reason."""
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
    """Remove temporary files of killed writers. Only for the holder of the dataset lock."""
    for path in folder.rglob(f".*{TEMPORARY_SUFFIX}"):
        if is_temporary(path.name):
            path.unlink(missing_ok=True)


def is_temporary(name: str) -> bool:
    """Whether a file has the name of one that is being written; other hidden files are the user's."""
    return re.fullmatch(rf"\..+\.[0-9]+{re.escape(TEMPORARY_SUFFIX)}", name) is not None


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of ``path`` whose process is gone."""
    for temporary in path.parent.glob(f".{glob.escape(path.name)}.*{TEMPORARY_SUFFIX}"):
        pid = temporary.name.removesuffix(TEMPORARY_SUFFIX).rpartition(".")[2]
        if pid.isdecimal() and not _is_running(int(pid)):
            temporary.unlink(missing_ok=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # of another user
        return True
    return True


def _file_in_the_way(path: Path) -> Path:
    return next((place for place in (path, *path.parents) if place.exists() and not place.is_dir()), path)


def _existing(path: Path) -> Path:
    return next(parent for parent in path.absolute().parents if parent.exists())


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
