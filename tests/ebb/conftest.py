"""A finished dataset folder to report on."""

from __future__ import annotations

from pathlib import Path

import pytest

from ebb.pipeline import PipelineReport, run_pipeline
from ebb.progress import SilentProgress
from tests.helpers.captures import scene, shot, write_card
from tests.helpers.settings import SETTINGS


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> PipelineReport:
    """Two good pairs, one pair of two different scenes, a photo without partner and a damaged one."""
    folder = tmp_path_factory.mktemp("finished")
    raw = folder / "raw"
    write_card(raw, 2)
    (raw / "IMG_0011.JPG").write_bytes(shot(scene(11), 16, 3000))
    (raw / "IMG_0012.JPG").write_bytes(shot(scene(12), 1.8, 3004))
    (raw / "IMG_0013.JPG").write_bytes(shot(scene(13), 1.8, 9000))
    (raw / "broken [1].JPG").write_bytes(b"")
    return run_pipeline(folder / "set", raw, SETTINGS, SilentProgress())


@pytest.fixture
def root(finished: PipelineReport) -> Path:
    return Path(finished.dataset)
