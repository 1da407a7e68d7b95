"""Replace a set of shards as a whole: the one in use stays complete until the next one is.

A new set is written to a folder inside that of the shards, ``DATASET.json`` last, and then moved into place.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ebb.dataset.index import INDEX_NAME, read_index
from ebb.errors import InvalidInput
from ebb.files import cannot_write, make_folder, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CARD_NAME = "README.md"
"""The dataset card."""

STAGING = ".next"
"""Folder of the set that is being written, inside the folder of the shards."""


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Make a folder for a new set of shards, which replaces the set in ``folder`` on success.

    The new set consists of shards, the card and ``DATASET.json``, written last. On failure it is removed and
    the old set is unchanged.

    Args:
        folder: The folder of the shards; it is made if it does not exist.

    Raises:
        OutputError: no space, no permission, a file in the place of the folder.
    """
    finish(folder)
    new = folder / STAGING
    make_folder(new)
    try:
        yield new
    except BaseException:
        if not (new / INDEX_NAME).exists():
            shutil.rmtree(new, ignore_errors=True)
        raise
    finish(folder)


def finish(folder: Path) -> None:
    """Clear the staging folder of a run that was killed: move a complete set into place, remove another one.

    Only for the holder of the dataset lock.

    Args:
        folder: The folder of the shards.

    Raises:
        OutputError: a file cannot be moved or removed.
    """
    new = folder / STAGING
    try:
        if new.is_symlink():  # not made here; its target stays untouched
            new.unlink()
        elif new.is_dir():
            if (new / INDEX_NAME).exists():
                _move(new, folder)
            shutil.rmtree(new)
    except OSError as error:
        raise cannot_write(folder, error) from error


def _move(new: Path, folder: Path) -> None:
    """Move a complete set into place; after an interruption the same call completes it."""
    try:
        names = read_index(new).shards
    except InvalidInput:  # damaged since: not a complete set
        return
    (folder / INDEX_NAME).unlink(missing_ok=True)
    sync_folder(folder)
    for name in (*names, CARD_NAME):
        if (new / name).exists():
            (new / name).replace(folder / name)
    for path in folder.glob("*.parquet"):
        if path.name not in names:
            path.unlink()
    sync_folder(folder)
    (new / INDEX_NAME).replace(folder / INDEX_NAME)
    sync_folder(folder)
