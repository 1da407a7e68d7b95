"""Dataset folders at a certain stage, made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ebb.progress import SilentProgress
from ebb.settings import DepthSettings, IngestSettings
from ebb.stages import align, depth, ingest
from ebb.workspace import Workspace, open_workspace
from tests.helpers.captures import write_card
from tests.helpers.series import write_series
from tests.helpers.settings import ALIGN, RUN


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pairs of different scenes and sessions, with depth files."""
    folder = tmp_path_factory.mktemp("card")
    write_card(folder, 3)
    return folder


@pytest.fixture(scope="session")
def aligned_once(card: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "set"
    with open_workspace(root, create=True) as workspace:
        ingest.run(workspace, card, IngestSettings(), RUN, SilentProgress())
        align.run(workspace, ALIGN, RUN, SilentProgress())
    return root


@pytest.fixture(scope="session")
def ready_once(aligned_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ready") / "set"
    shutil.copytree(aligned_once, root)
    with open_workspace(root) as workspace:
        depth.run(workspace, DepthSettings(provider="sidecar"), RUN, SilentProgress())
    return root


@pytest.fixture(scope="session")
def series_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two simulated scenes at f/16, f/8, f/2.8 and f/1.8 with depth, aligned; the photos are beside it."""
    folder = tmp_path_factory.mktemp("series")
    for scene in (0, 1):
        write_series(folder / "raw", scene)
    with open_workspace(folder / "set", create=True) as workspace:
        ingest.run(workspace, folder / "raw", IngestSettings(series=True), RUN, SilentProgress())
        align.run(workspace, ALIGN, RUN, SilentProgress())
        depth.run(workspace, DepthSettings(provider="sidecar"), RUN, SilentProgress())
    return folder / "set"


@pytest.fixture
def series(series_once: Path, opened: Callable[[Path], Workspace]) -> Workspace:
    """A copy of it, with a copy of the photos in the folder ``raw`` beside it."""
    workspace = opened(series_once)
    raw = workspace.root.parent / "raw"
    shutil.copytree(series_once.parent / "raw", raw)
    workspace.catalog_file.unlink()
    ingest.run(workspace, raw, IngestSettings(series=True), RUN, SilentProgress())
    return workspace


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[Path], Workspace]]:
    """Open a copy of a made dataset folder."""
    contexts = []

    def open_copy(root: Path) -> Workspace:
        shutil.copytree(root, tmp_path / "set")
        contexts.append(open_workspace(tmp_path / "set"))
        return contexts[-1].__enter__()

    yield open_copy
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.fixture
def aligned(opened: Callable[[Path], Workspace], aligned_once: Path) -> Workspace:
    return opened(aligned_once)


@pytest.fixture
def ready(opened: Callable[[Path], Workspace], ready_once: Path) -> Workspace:
    return opened(ready_once)
