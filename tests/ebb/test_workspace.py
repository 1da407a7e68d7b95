"""One dataset folder: made, locked, cleaned, its settings kept."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ebb.errors import DatasetLocked, InvalidInput, OutputError, UsageError
from ebb.settings import AlignSettings, DepthSettings, IngestSettings
from ebb.workspace import finished_shards, open_workspace, read_workspace, versions


def test_no_dataset_is_a_clear_error(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidInput, match="no dataset in this folder .*ebb ingest RAW_DIR"),
        read_workspace(tmp_path),
    ):
        pass
    with pytest.raises(InvalidInput, match="no dataset"), open_workspace(tmp_path / "nothing"):
        pass


def test_a_path_that_is_not_text(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"set\xff")
    with pytest.raises(InvalidInput, match=r"set\\xff .*not valid UTF-8"), open_workspace(root, create=True):
        pass
    assert not root.exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match="cannot write"),
        open_workspace(tmp_path / "file" / "data", create=True),
    ):
        pass


def test_the_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ebb.workspace import open_workspace\n"
        f"with open_workspace(Path({str(tmp_path)!r}), create=True):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DatasetLocked, match=f"in use by process {holder.pid} on ") as caught:
            open_workspace(tmp_path).__enter__()
        assert caught.value.exit_code == 75
        with read_workspace(tmp_path):  # looking is allowed
            pass
        holder.kill()
    with open_workspace(tmp_path):
        assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"[" * 100_000, b"[]", b'{"pid": 1, "host": 2, "start": 3}', b""]
)
def test_a_lock_with_odd_bytes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".lock").write_bytes(content)
    with open_workspace(tmp_path, create=True):
        (tmp_path / ".lock").write_bytes(content)
        with pytest.raises(DatasetLocked, match="in use by another run"):
            open_workspace(tmp_path).__enter__()


def test_a_lock_that_is_a_link_leaves_its_target_unchanged(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("do not touch")
    root = tmp_path / "set"
    root.mkdir()
    (root / ".lock").symlink_to(precious)
    with pytest.raises(OutputError, match=r"\.lock: a symbolic link"), open_workspace(root, create=True):
        pass
    (root / ".lock").unlink()
    (root / ".lock").hardlink_to(precious)
    with open_workspace(root, create=True), pytest.raises(DatasetLocked):
        open_workspace(root).__enter__()
    assert precious.read_text() == "do not touch"


def test_no_space_for_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(number: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("ebb.workspace.os.write", write)
    with pytest.raises(OutputError, match="no space to write it"), open_workspace(tmp_path, create=True):
        pass


def test_opening_removes_leftovers_of_a_killed_run(tmp_path: Path) -> None:
    with open_workspace(tmp_path, create=True) as workspace:
        rubbish = workspace.pair("ab") / ".wide.png.1.tmp"
        rubbish.parent.mkdir(parents=True)
        rubbish.touch()
    with open_workspace(tmp_path):
        assert not rubbish.exists()


def test_settings_are_kept_by_section(tmp_path: Path) -> None:
    with open_workspace(tmp_path, create=True) as workspace:
        assert workspace.settings(AlignSettings) == AlignSettings()
        workspace.save_settings(align=AlignSettings(height=512))
        workspace.save_settings(ingest=IngestSettings(pairs=Path("a.csv")))
        assert workspace.settings(AlignSettings) == AlignSettings(height=512)
        assert workspace.settings(IngestSettings).pairs == Path("a.csv").absolute()
        workspace.save_settings(depth=DepthSettings(weights=Path("~/net.pth")))
        assert workspace.settings(DepthSettings).weights == Path.home() / "net.pth"
        stored = tomllib.loads(workspace.settings_file.read_text())
        assert stored["versions"] == versions()
        before = workspace.settings_file.stat().st_mtime_ns
        workspace.save_settings(align=AlignSettings(height=512))
        assert workspace.settings_file.stat().st_mtime_ns == before


def test_a_hand_edited_mistake_is_found(tmp_path: Path) -> None:
    with open_workspace(tmp_path, create=True) as workspace:
        workspace.settings_file.write_text("[align]\nheight = -2\n")
        with pytest.raises(UsageError, match=r"ebb\.toml: \[align\] --height -2 is negative"):
            workspace.settings(AlignSettings)


def test_paths_of_the_folder(tmp_path: Path) -> None:
    with open_workspace(tmp_path, create=True) as workspace:
        assert workspace.pair("ab") == tmp_path / "pairs" / "ab"
        assert workspace.catalog_file == tmp_path / "captures.parquet"
        assert workspace.shards == tmp_path / "shards"
        assert workspace.contact_sheet == tmp_path / "contact_sheet.png"


def test_shards_alone_are_not_a_dataset_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no dataset in this folder"):
        finished_shards(tmp_path)
    (tmp_path / "DATASET.json").touch()
    assert finished_shards(tmp_path) == tmp_path
    with (
        pytest.raises(InvalidInput, match="shards, but not the dataset folder .*ebb verify"),
        read_workspace(tmp_path),
    ):
        pass
    with open_workspace(tmp_path, create=True):
        assert finished_shards(tmp_path) == tmp_path / "shards"


@pytest.mark.parametrize("name", ["pairs", "shards", "pairs/ab"])
def test_a_folder_that_is_a_link_is_refused(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    leftover = victim / ".wide.png.1.tmp"
    leftover.touch()
    root = tmp_path / "set"
    with open_workspace(root, create=True):
        pass
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).symlink_to(victim)
    with pytest.raises(InvalidInput, match=f"{name}: a symbolic link"), open_workspace(root):
        pass
    assert leftover.exists()
    with read_workspace(root):  # nothing is written
        pass


def test_settings_that_are_a_pipe_are_not_waited_for(tmp_path: Path) -> None:
    with open_workspace(tmp_path, create=True) as workspace:
        os.mkfifo(workspace.settings_file)
        with pytest.raises(UsageError, match=r"ebb\.toml: cannot read settings: not a regular file"):
            workspace.settings(AlignSettings)
