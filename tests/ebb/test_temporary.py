"""Temporary folders of killed processes are removed, those in use are not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ebb.errors import DatasetLocked
from ebb.temporary import sole_writer, temporary_folder

KILLED = """
import os, signal
from ebb.temporary import temporary_folder
with temporary_folder("test") as folder:
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def temporaries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_leftovers_of_a_killed_process_are_removed_by_the_next_run(temporaries: Path) -> None:
    environment = os.environ | {"TMPDIR": str(temporaries)}
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert [path.name.startswith("ebb-test-") for path in temporaries.iterdir()] == [True]
    with temporary_folder("test") as folder:
        assert list(temporaries.iterdir()) == [folder]
        assert not list(folder.iterdir())
    assert not list(temporaries.iterdir())


def test_folders_in_use_or_of_others_are_kept(temporaries: Path) -> None:
    (temporaries / "ebb-test-notes").write_text("mine")
    (temporaries / "other").mkdir()
    (temporaries / "ebb-test-link").symlink_to(temporaries / "other")
    with temporary_folder("test") as first, temporary_folder("test") as second:
        assert first.is_dir()
        assert second.is_dir()
        assert first != second
    names = sorted(path.name for path in temporaries.iterdir())
    assert names == ["ebb-test-link", "ebb-test-notes", "other"]


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    with sole_writer(tmp_path), pytest.raises(DatasetLocked, match="another process"), sole_writer(tmp_path):
        pass
    with sole_writer(tmp_path):
        assert not list(tmp_path.iterdir())
