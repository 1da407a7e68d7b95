"""A dataset folder: paths, lock, settings file and state."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import platform
import socket
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebb.documents import parse_json
from ebb.errors import DatasetLocked, InvalidInput, UsageError
from ebb.files import (
    cannot_write,
    make_folder,
    open_lock,
    read_regular,
    refuse_link,
    remove_temporaries,
    sha256_bytes,
    write_atomic,
)
from ebb.hints import command
from ebb.names import as_text, is_text
from ebb.settings import as_dict, from_values, read_sections, section_of
from ebb.state import State
from ebb.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebb.settings import Settings

_HOLDER_BYTES = 4096
"""Most that is read of a lock to say who holds it."""


class Workspace:
    """Paths and state of a dataset folder.

    Args:
        root: The folder.
        state: Its open state.
    """

    def __init__(self, root: Path, state: State) -> None:
        self.root = root
        self.state = state

    @property
    def settings_file(self) -> Path:
        """Settings of the stages that ran, and software versions."""
        return settings_file(self.root)

    @property
    def catalog_file(self) -> Path:
        """The catalogue: one row for each camera file."""
        return self.root / "captures.parquet"

    @property
    def shards(self) -> Path:
        """Folder of the shards, DATASET.json and the dataset card."""
        return self.root / "shards"

    @property
    def contact_sheet(self) -> Path:
        """The contact sheet, written at the end of a run."""
        return self.root / "contact_sheet.png"

    @property
    def report(self) -> Path:
        """The report, written at the end of a run."""
        return self.root / "report.html"

    @property
    def refused_list(self) -> Path:
        """The imported pairs that the limits refuse, written at the end of an import."""
        return self.root / "refused.csv"

    def debug_picture(self, pair_id: str) -> Path:
        """Picture of the alignment of a pair."""
        return self.root / "debug" / f"{pair_id}.png"

    @property
    def pairs(self) -> Path:
        """Folder of the photos of all pairs."""
        return self.root / "pairs"

    def pair(self, pair_id: str) -> Path:
        """Folder of a pair's photos."""
        return self.pairs / pair_id

    def settings(self, kind: type[Settings]) -> Settings:
        """Settings that a stage last ran with in this folder, or its defaults.

        Args:
            kind: Their class, one of :data:`~ebb.settings.SECTIONS`.

        Raises:
            UsageError: the settings file is damaged, or was edited to a value that is not allowed.
        """
        stored = read_sections(self.settings_file) if self.settings_file.exists() else {}
        section = section_of(kind)
        try:
            return from_values(kind, stored.get(section, {}))
        except UsageError as error:
            message = f"[{section}] {error.message}"
            raise UsageError(message, path=self.settings_file, hint=error.hint) from error

    def save_settings(self, **sections: object) -> None:
        """Store the settings of stages, with absolute paths; other sections of the file are kept."""
        import tomli_w

        stored = read_sections(self.settings_file) if self.settings_file.exists() else {}
        stored.update({name: as_dict(_with_whole_paths(settings)) for name, settings in sections.items()})
        data = tomli_w.dumps({**stored, "versions": versions()}).encode()
        is_new = not self.settings_file.exists() or read_regular(self.settings_file) != data
        if is_new or self.state.written().get(self.settings_file.name) != sha256_bytes(data):
            self.write(self.settings_file, data)

    def write(self, path: Path, data: bytes) -> None:
        """Write a file of the folder and record its hash for :mod:`ebb.stages.verify`."""
        self.state.put_written(path.name, write_atomic(path, data))


def _with_whole_paths(settings: Any) -> Any:  # noqa: ANN401 - any settings class
    """Make paths absolute, so that they do not depend on the current folder."""
    paths = {name: value for name, value in vars(settings).items() if isinstance(value, Path)}
    return dataclasses.replace(
        settings, **{name: path.expanduser().absolute() for name, path in paths.items()}
    )


def settings_file(root: Path) -> Path:
    """Settings file of a dataset folder."""
    return root / "ebb.toml"


def versions() -> dict[str, str]:
    """Versions of ebb, Python and the packages that process pixels."""
    from importlib import metadata

    names = ("opencv-contrib-python", "rawpy", "numpy", "pyarrow", "exifread")
    return {
        "ebb": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in names},
    }


@contextmanager
def open_workspace(root: Path, *, create: bool = False) -> Iterator[Workspace]:
    """Open a dataset folder for a run: take its lock and remove incomplete files of a killed run.

    Args:
        root: The folder.
        create: Make the folder if it does not exist.

    Raises:
        InvalidInput: there is no dataset, and ``create`` is not set; or a folder in it is a symbolic link.
        DatasetLocked: another run holds it.
        OutputError: the folder cannot be made or written.
    """
    from ebb.dataset.staging import finish  # not above: it imports NumPy, which --help has no use for

    root = root.absolute()
    _prepare(root, create=create)
    with _locked(root):
        _refuse_links(root)
        remove_temporaries(root)
        finish(root / "shards")
        state = State(root / "state.sqlite")
        try:
            yield Workspace(root, state)
        finally:
            state.close()


def _refuse_links(root: Path) -> None:
    """Stages write and remove files in these folders, and would do so in the targets of links."""
    pairs = root / "pairs"
    for folder in (pairs, root / "shards"):
        refuse_link(folder)
    if pairs.is_dir():
        with os.scandir(pairs) as entries:
            for entry in entries:
                if entry.is_symlink():  # known without asking the system again, unlike for paths
                    refuse_link(pairs / entry.name)


@contextmanager
def read_workspace(root: Path) -> Iterator[Workspace]:
    """Open a dataset folder read-only, also while a run holds the lock or without write permission.

    Raises:
        InvalidInput: there is no dataset.
    """
    root = root.absolute()
    _prepare(root, create=False)
    state = State(root / "state.sqlite", read_only=True)
    try:
        yield Workspace(root, state)
    finally:
        state.close()


def _prepare(root: Path, *, create: bool) -> None:
    if not is_text(str(root)):
        raise InvalidInput(
            "the path is not valid UTF-8", path=as_text(str(root)), hint="name another with --dataset"
        )
    if create:
        make_folder(root)
    elif not is_dataset(root):
        raise _no_dataset(root)


def is_dataset(root: Path) -> bool:
    """Whether the folder is a dataset folder."""
    return (root / "state.sqlite").is_file()


def check_apart(root: Path, source: Path) -> None:
    """Check that the dataset folder is not the folder of the photos.

    Raises:
        UsageError: both are the same folder.
    """
    if root.resolve() == source.resolve():
        raise UsageError(
            "the photos are here: the dataset needs a folder of its own", path=root, hint="--dataset DIR"
        )


def finished_shards(root: Path) -> Path:
    """Folder of the shards: that of a dataset folder, or a folder of shards alone.

    Raises:
        InvalidInput: it is neither.
    """
    root = root.absolute()
    shards = root / "shards" if is_dataset(root) else _shards_alone(root)
    if shards is None:
        raise _no_dataset(root)
    return shards


def _shards_alone(root: Path) -> Path | None:
    from ebb.dataset.index import find_shards  # not above: it imports NumPy, which --help has no use for

    return find_shards(root)


def _no_dataset(root: Path) -> InvalidInput:
    if _shards_alone(root):
        return InvalidInput(
            "shards, but not the dataset folder they were made in",
            path=root,
            hint="ebb verify and ebb export take them as they are",
        )
    return InvalidInput(
        "no dataset in this folder",
        path=root,
        hint=f"make one with: {command('ingest RAW_DIR', root)}; or name its folder: --dataset DIR",
    )


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the lock of the folder; the operating system releases it when the process ends."""
    path = root / ".lock"
    with open_lock(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _locked_by_other(root, file.read(_HOLDER_BYTES)) from error
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "start": datetime.now(UTC).isoformat()}
        try:
            if os.fstat(file.fileno()).st_nlink == 1:  # else it is another file as well, which stays as it is
                file.truncate(0)
                os.write(file.fileno(), json.dumps(holder).encode())
        except OSError as error:
            raise cannot_write(path, error) from error
        yield


def _locked_by_other(root: Path, text: bytes) -> DatasetLocked:
    try:
        holder = parse_json(text)
        who = f"process {holder['pid']} on {holder['host']}, started {holder['start'][:19]} UTC"
    except (InvalidInput, KeyError, TypeError):
        who = "another run"
    return DatasetLocked(f"the folder is in use by {who}", path=root, hint="wait for it, or stop it")
