"""One dataset folder: its paths, its lock, its settings file and its state."""

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

from ebb.errors import DatasetLocked, InvalidInput, UsageError
from ebb.files import cannot_write, make_folder, remove_temporaries, write_atomic
from ebb.names import as_text, is_text
from ebb.settings import as_dict, from_values, read_toml, section_of
from ebb.state import State
from ebb.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebb.settings import Settings


class Workspace:
    """Paths and state of one dataset folder.

    Args:
        root: The folder.
        state: Its open state.
    """

    def __init__(self, root: Path, state: State) -> None:
        self.root = root
        self.state = state

    @property
    def settings_file(self) -> Path:
        """Resolved settings of the stages that ran, and software versions."""
        return settings_file(self.root)

    @property
    def catalog_file(self) -> Path:
        """The catalogue: one row per camera file."""
        return self.root / "captures.parquet"

    @property
    def shards(self) -> Path:
        """Folder of the shards, DATASET.json and the dataset card."""
        return self.root / "shards"

    @property
    def contact_sheet(self) -> Path:
        """The picture to look at after a run."""
        return self.root / "contact_sheet.png"

    @property
    def report(self) -> Path:
        """The page to look at after a run."""
        return self.root / "report.html"

    def debug_picture(self, pair_id: str) -> Path:
        """The picture that shows how a pair is aligned."""
        return self.root / "debug" / f"{pair_id}.png"

    @property
    def pairs(self) -> Path:
        """Folder of the photos of all pairs."""
        return self.root / "pairs"

    def pair(self, pair_id: str) -> Path:
        """Folder of a pair's photos."""
        return self.pairs / pair_id

    def settings(self, kind: type[Settings]) -> Settings:
        """Settings a stage last ran with in this folder, or its defaults.

        Args:
            kind: Their class, one of :data:`~ebb.settings.SECTIONS`.
        """
        stored = read_toml(self.settings_file) if self.settings_file.exists() else {}
        return from_values(kind, stored.get(section_of(kind), {}))

    def save_settings(self, **sections: object) -> None:
        """Record the settings that stages run with, paths whole; other sections of the file stay."""
        import tomli_w

        stored = read_toml(self.settings_file) if self.settings_file.exists() else {}
        stored.update({name: as_dict(_with_whole_paths(settings)) for name, settings in sections.items()})
        text = tomli_w.dumps({**stored, "versions": versions()})
        if not self.settings_file.exists() or self.settings_file.read_text(encoding="utf-8") != text:
            write_atomic(self.settings_file, text.encode())


def _with_whole_paths(settings: Any) -> Any:  # noqa: ANN401 - any settings class
    """So that they mean the same wherever the next command is started."""
    paths = {name: value for name, value in vars(settings).items() if isinstance(value, Path)}
    return dataclasses.replace(
        settings, **{name: path.expanduser().absolute() for name, path in paths.items()}
    )


def settings_file(root: Path) -> Path:
    """Where a dataset folder keeps its settings."""
    return root / "ebb.toml"


def versions() -> dict[str, str]:
    """Versions of everything that touches pixels."""
    from importlib import metadata

    names = ("opencv-contrib-python", "rawpy", "numpy", "pyarrow", "exifread")
    return {
        "ebb": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in names},
    }


@contextmanager
def open_workspace(root: Path, *, create: bool = False) -> Iterator[Workspace]:
    """Open a dataset folder for a run: take its lock, clear what a killed run left half written.

    Args:
        root: The folder.
        create: Make it when it is not there.

    Raises:
        InvalidInput: no dataset there, and not to be created.
        DatasetLocked: another run holds it.
        OutputError: the folder cannot be made or written.
    """
    root = root.absolute()
    _prepare(root, create=create)
    with _locked(root):
        remove_temporaries(root)
        state = State(root / "state.sqlite")
        try:
            yield Workspace(root, state)
        finally:
            state.close()


@contextmanager
def read_workspace(root: Path) -> Iterator[Workspace]:
    """Open a dataset folder read-only, also while a run holds the lock or without write permission.

    Raises:
        InvalidInput: no dataset there.
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
    """Whether a run was begun in this folder."""
    return (root / "state.sqlite").is_file()


def check_apart(root: Path, source: Path) -> None:
    """Make sure that a dataset folder is not made in the midst of what it is made from.

    Raises:
        UsageError: both are one folder.
    """
    if root.resolve() == source.resolve():
        raise UsageError(
            "the photos are here: the dataset needs a folder of its own", path=root, hint="--dataset DIR"
        )


def finished_shards(root: Path) -> Path:
    """The shards of a dataset folder, or of a folder that holds shards and nothing else.

    Raises:
        InvalidInput: there is neither.
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
        "no dataset in this folder", path=root, hint="make one with: ebb ingest RAW_DIR --dataset DIR"
    )


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold ``.lock`` of the folder; the operating system lets go of it when the process dies."""
    try:
        file = (root / ".lock").open("a+")
    except OSError as error:
        raise cannot_write(root / ".lock", error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise _locked_by_other(root, file.read()) from error
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "start": datetime.now(UTC).isoformat()}
        try:
            file.truncate(0)
            os.write(file.fileno(), json.dumps(holder).encode())  # at once: closing the file would try again
        except OSError as error:
            raise cannot_write(root / ".lock", error) from error
        yield


def _locked_by_other(root: Path, text: str) -> DatasetLocked:
    try:
        holder = json.loads(text)
        who = f"process {holder['pid']} on {holder['host']}, started {holder['start'][:19]} UTC"
    except (ValueError, KeyError, TypeError):
        who = "another run"
    return DatasetLocked(f"the folder is in use by {who}", path=root, hint="wait for it, or stop it")
