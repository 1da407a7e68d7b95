"""Atomic writing and hashing."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ebb.errors import InvalidInput, OutputError, UsageError
from ebb.files import (
    atomic_file,
    cannot_write,
    check_file,
    check_writable,
    make_folder,
    open_lock,
    read_bytes,
    read_regular,
    refuse_link,
    remove_files,
    remove_temporaries,
    sha256_bytes,
    sha256_file,
    write_atomic,
)


def test_write_atomic_writes_and_hashes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.bin"
    digest = write_atomic(path, b"abc")
    assert path.read_bytes() == b"abc"
    assert digest == hashlib.sha256(b"abc").hexdigest() == sha256_bytes(b"abc") == sha256_file(path)
    assert os.listdir(path.parent) == ["file.bin"]


def test_a_failing_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    with pytest.raises(RuntimeError), atomic_file(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_hashing_file_counts(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "file") as file:
        assert file.write(b"abc") == 3
        assert file.tell() == file.num_bytes == 3


def test_an_existing_file_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    message = "^.*/file: cannot write it: a file is where a folder should be$"
    with pytest.raises(OutputError, match=message):
        write_atomic(tmp_path / "file" / "below", b"")
    for folder in ("file", "file/below"):
        with pytest.raises(OutputError, match=message):
            make_folder(tmp_path / folder)
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")


def test_no_space_says_how_much_is_left(tmp_path: Path) -> None:
    error = cannot_write(tmp_path / "not" / "there", OSError(errno.ENOSPC, "No space left on device"))
    assert "no space" in str(error)
    assert "MB free" in str(error)
    assert "run the same command again" in str(error)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """A limit on the file size simulates a full disk in a child process."""
    code = (
        "import sys; from pathlib import Path\n"
        "from ebb.files import write_atomic; from ebb.errors import OutputError\n"
        f"try: write_atomic(Path({str(tmp_path / 'big')!r}), bytes(1 << 20))\n"
        "except OutputError as error: sys.exit(int(error.exit_code))\n"
    )

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))

    assert subprocess.run([sys.executable, "-c", code], preexec_fn=limit, check=False).returncode == 5
    assert os.listdir(tmp_path) == []


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert read_bytes(tmp_path / "a") == b"abc"
    for path, reason in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(InvalidInput, match=rf"{path}: cannot be read: {reason}"):
            read_bytes(path)


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    """Of this file, and not what a running process writes."""
    killed = subprocess.Popen(["true"])
    killed.wait()
    names = [
        f".a.onnx.{killed.pid}.tmp",
        f".a.onnx.{os.getpid()}.tmp",
        f".b.onnx.{killed.pid}.tmp",
        ".a.onnx.x.tmp",
    ]
    for name in names:
        (tmp_path / name).touch()
    check_writable(tmp_path / "a.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])


def test_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("pipe", "link"):
        with pytest.raises(InvalidInput, match=rf"{name}: cannot be read: not a regular file"):
            read_bytes(tmp_path / name)
        with pytest.raises(OSError, match="not a regular file"):
            sha256_file(tmp_path / name)


def test_whether_a_file_could_be_written_is_tried_out(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "a")
    (tmp_path / "file").write_text("x")
    check_writable(tmp_path / "file")
    with pytest.raises(OutputError, match="a folder has this name"):
        check_writable(tmp_path)
    with pytest.raises(OutputError, match="file: cannot write it: a file is where a folder should be"):
        check_writable(tmp_path / "file" / "a")
    with pytest.raises(OutputError, match="/proc/none/a: cannot write it"):
        check_writable(Path("/proc/none/a"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["model", "model.md", "level-1.safetensors", "model.onnx"])
def test_another_ending_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=rf"must end in \.tflite \(such as {Path(name).stem}\.tflite\)"):
        check_writable(Path(name), ".tflite")


def test_remove_temporaries_removes_only_those(tmp_path: Path) -> None:
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs" / ".wide.png.123.tmp").touch()
    (tmp_path / "notes.tmp").touch()
    (tmp_path / ".own.tmp").touch()
    remove_temporaries(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".own.tmp", "notes.tmp", "pairs"]


def test_a_lock_file_is_opened_unchanged(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    open_lock(path).close()
    path.write_bytes(b"\xff")
    with open_lock(path) as file:
        assert file.read() == b"\xff"


def test_paths_that_cannot_be_locks(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, message in (("link", "symbolic link"), ("pipe", "not a regular file"), ("folder", "directory")):
        with pytest.raises(OutputError, match=message):
            open_lock(tmp_path / name)
    assert not (tmp_path / "target").exists()


def test_existing_files_are_removed(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    remove_files([tmp_path / "a", tmp_path / "b"])
    assert not (tmp_path / "a").exists()
    with pytest.raises(OutputError):
        remove_files([tmp_path])


def test_an_input_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    check_file(tmp_path / "a.png", "depth file")
    with pytest.raises(InvalidInput, match=r"b.png: no such depth file \(--depth FILE\)"):
        check_file(tmp_path / "b.png", "depth file", "--depth FILE")
    with pytest.raises(InvalidInput, match="a folder, not a depth file"):
        check_file(tmp_path, "depth file")


def test_a_file_above_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12")
    os.truncate(path, 9_000_000)
    assert len(read_bytes(path, 9_000_000)) == 9_000_000
    with pytest.raises(InvalidInput, match="has 9 MB, more than the 8 MB that are read"):
        read_bytes(path, 8_000_000)


def test_a_link_in_the_place_of_a_temporary_file_leaves_its_target_unchanged(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("do not touch")
    (tmp_path / f".file.{os.getpid()}.tmp").symlink_to(precious)
    write_atomic(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert precious.read_text() == "do not touch"


def test_links_are_refused_where_files_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match=r"link: a symbolic link, .*\(remove the link"):
        refuse_link(tmp_path / "link")
    refuse_link(tmp_path)
    refuse_link(tmp_path / "none")


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(OSError, match="not a regular file"):
            read_regular(tmp_path / name)
        with pytest.raises(InvalidInput, match=f"{name}: cannot be read: not a regular file"):
            read_bytes(tmp_path / name)
