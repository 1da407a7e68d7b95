"""Temporary folders, and folders that one process writes at a time; nothing of a killed process stays.

A lock of the operating system, which ends with its process, tells whether a folder is in use.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ebb.errors import DatasetLocked

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def temporary_folder(purpose: str, parent: str | None = None) -> Iterator[Path]:
    """Make a folder for temporary files; those that killed processes left are removed.

    Args:
        purpose: Part of its name.
        parent: Where to make it; by default the system's folder for temporary files.
    """
    parent = parent or tempfile.gettempdir()
    prefix = f"ebb-{purpose}-"
    _remove_abandoned(Path(parent), prefix)
    folder = Path(tempfile.mkdtemp(prefix=f".{prefix}", dir=parent))  # not found until it is locked
    try:
        with sole_writer(folder):
            folder = folder.rename(folder.with_name(folder.name.removeprefix(".")))
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Lock a folder, without a file in it.

    Raises:
        DatasetLocked: another process holds it.
        OSError: it cannot be opened.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatasetLocked(
                "another process writes to this folder", path=folder, hint="wait for it, or stop it"
            ) from error
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(parent: Path, prefix: str) -> None:
    for folder in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError, DatasetLocked):  # of another user, or in use
            if folder.is_dir() and not folder.is_symlink():
                with sole_writer(folder):
                    shutil.rmtree(folder)
