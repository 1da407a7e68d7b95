"""Walking a folder: what is seen, in which order, and what cannot be opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ebb.errors import Broken, InvalidInput, Reason, Status
from ebb.photo.capture import Exif, FileMetadata
from ebb.progress import SilentProgress
from ebb.runner.items import Result
from ebb.scan.folder import CLOSED_FOLDER, FileJob, catalog_row, existing_folder, read_folder, walk
from ebb.settings import RunSettings
from ebb.state import FileRow
from ebb.workspace import is_dataset, open_workspace


def read(job: FileJob) -> Result[FileMetadata]:
    return Result(value=FileMetadata(sha256="", width=len(job.read())))


def test_files_in_order_with_size_and_time(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "a.jpg", ".hidden", "b/.hidden/3.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing")
    jobs = list(walk(tmp_path, 120))
    assert [job.name for job in jobs] == ["a.jpg", "gone.jpg", "b/2.jpg"]
    assert jobs[0].size == 5
    assert jobs[0].mtime_ns == (tmp_path / "a.jpg").stat().st_mtime_ns
    with pytest.raises(Broken, match="cannot be read: No such file") as caught:
        jobs[1].read()
    assert caught.value.reason is Reason.UNREADABLE


def test_an_unreadable_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(folder: Path, onerror: Callable[[OSError], None]) -> list[object]:
        onerror(PermissionError(13, "Permission denied", str(folder / "private")))
        return []

    monkeypatch.setattr(os, "walk", closed)
    (job,) = walk(tmp_path, 120)
    assert (job.name, job.size) == ("private", CLOSED_FOLDER)
    with pytest.raises(Broken, match="the folder cannot be opened"):
        job.read()


def test_files_that_cannot_be_inspected_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may be listed and not entered, and a file that goes while the folder is read."""
    (tmp_path / "closed.jpg").touch()
    monkeypatch.setattr(os, "walk", lambda *_, **__: [(str(tmp_path), [], ["closed.jpg", "gone.jpg"])])

    look = Path.stat

    def refuse(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.name == "closed.jpg":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", refuse)
    jobs = list(walk(tmp_path, 120))
    assert [job.name for job in jobs] == ["closed.jpg", "gone.jpg"]
    with pytest.raises(Broken, match="cannot be read: No such file"):
        jobs[1].read()


def test_pipes_and_links_to_folders_are_skipped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "folder")
    (tmp_path / "ring.jpg").symlink_to(tmp_path / "ring.jpg")
    assert [job.name for job in walk(tmp_path, 120)] == ["ring.jpg"]


def test_known_files_are_kept_and_failed_ones_read_again(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"12")
    jobs = list(walk(tmp_path, 120))
    known = {
        job.name: FileRow(
            folder=job.folder,
            name=job.name,
            size=job.size,
            mtime_ns=job.mtime_ns,
            status=Status.OK,
            metadata=FileMetadata(sha256="00"),
        )
        for job in jobs[:2]
    }
    known["b"] = FileRow(**{**known["b"].__dict__, "status": Status.ERROR, "reason": Reason.TIMEOUT})
    saved: list[FileRow] = []
    found = read_folder(jobs, read, RunSettings(workers=1), SilentProgress(), known, saved.append)
    assert found.unchanged == 1
    assert [row.name for row in found.rows] == ["a", "b", "c"]
    assert sorted(row.name for row in saved) == ["b", "c"]
    assert all(row.status is Status.OK for row in found.rows)
    assert found.rows[2].metadata == FileMetadata(sha256="", width=2)


def test_a_file_becomes_a_row_of_the_catalogue() -> None:
    exif = Exif(camera="Canon EOS 7D", iso=100.0, orientation=6)
    metadata = FileMetadata(sha256="00", width=3, height=4, exif=exif)
    read_well = FileRow(folder="/raw", name="a.jpg", size=1, mtime_ns=2, status=Status.OK, metadata=metadata)
    row = catalog_row(read_well)
    assert (row.folder, row.name, row.sha256, row.width, row.height) == ("/raw", "a.jpg", "00", 3, 4)
    assert (row.camera, row.iso, row.orientation, row.role, row.status) == (
        *("Canon EOS 7D", 100.0, 6),
        *("", Status.OK),
    )
    broken = replace(read_well, status=Status.ERROR, reason=Reason.TIMEOUT, detail="slow", metadata=None)
    row = catalog_row(broken)
    assert (row.sha256, row.width, row.status, row.reason, row.detail) == (
        *("", 0),
        *(Status.ERROR, Reason.TIMEOUT, "slow"),
    )


def test_existing_folder(tmp_path: Path) -> None:
    assert existing_folder(tmp_path / "." / "") == tmp_path.resolve()
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "nothing"):
        with pytest.raises(InvalidInput, match="not a folder"):
            existing_folder(path)
    with pytest.raises(InvalidInput, match="name the folder that holds the data set"):
        existing_folder(tmp_path / "nothing", "the data set")


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InvalidInput, match="cannot be opened: Permission denied"):
        existing_folder(tmp_path)


def test_a_folder_whose_path_is_not_text(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"raw\xff")
    folder.mkdir()
    with pytest.raises(InvalidInput, match=r"raw\\xff .*not valid UTF-8 \(rename the folder\)"):
        existing_folder(folder)


def test_a_dataset_among_the_photos_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(folder: Path) -> bool:
        if folder.name == "closed":
            raise PermissionError
        return is_dataset(folder)

    monkeypatch.setattr("ebb.scan.folder.is_dataset", look)
    (tmp_path / "a.jpg").touch()
    with open_workspace(tmp_path / "dataset", create=True) as workspace:
        workspace.contact_sheet.touch()
        (tmp_path / "closed").mkdir()
        assert [job.name for job in walk(tmp_path, 120)] == ["a.jpg"]
    assert "contact_sheet.png" in [job.name for job in walk(tmp_path / "dataset", 120)]
