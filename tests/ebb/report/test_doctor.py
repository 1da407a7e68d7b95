"""Facts for a bug report."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import numpy as np
import pytest

from ebb.report.doctor import PACKAGES, examine


def test_versions_weights_disk_and_write_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EBB_MEGADEPTH_WEIGHTS", raising=False)
    report = examine(tmp_path / "not" / "made")
    assert report["numpy"] == np.__version__
    assert set(PACKAGES) <= report.keys()
    assert report["weights megadepth"].startswith("missing (ebb weights download megadepth")
    assert report["dataset folder"] == "not made yet"
    assert report["write test"] == "ok"
    assert not list(tmp_path.iterdir())


def test_it_tells_nothing_personal(tmp_path: Path) -> None:
    text = "\n".join(examine(tmp_path).values())
    assert socket.gethostname() not in text


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert examine(tmp_path)["write test"] == "failed: No space left on device"
