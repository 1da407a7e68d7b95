"""A checkpoint in an archive: only its own files come out, and only into the temporary folder."""

from __future__ import annotations

import contextlib
import random
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from ebb.errors import InvalidInput
from ebb_train.models import archive
from ebb_train.models.archive import unpacked

FILES = {
    "models/original/net_level_0.index": b"index",
    "models/original/net_level_0.data-00000-of-00001": b"data",
    "models/original/net_level_0.meta": b"graph",
    "models/readme.txt": b"hello",
    "__MACOSX/._net_level_0.index": b"not one",
}


def folder_of(tmp_path: Path, files: dict[str, bytes]) -> Path:
    folder = tmp_path / "content"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "bztar"])
def test_the_checkpoint_is_unpacked_temporarily(tmp_path: Path, kind: str) -> None:
    made = shutil.make_archive(str(tmp_path / "made"), kind, folder_of(tmp_path, FILES))
    path = Path(made).rename(tmp_path / "net.archive")
    with unpacked(path) as prefix:
        assert prefix.name == "net_level_0"
        left = {file.name: file.read_bytes() for file in prefix.parent.iterdir()}
    assert left == {"net_level_0.index": b"index", "net_level_0.data-00000-of-00001": b"data"}
    assert not prefix.parent.exists()


def test_other_paths_are_unchanged(tmp_path: Path) -> None:
    (tmp_path / "net.index").write_bytes(b"index")
    for path in (tmp_path / "net", tmp_path / "net.index"):
        with unpacked(path) as prefix:
            assert prefix == path


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as file:
        file.writestr("../../net.index", b"index")
    with unpacked(tmp_path / "a") as prefix:
        assert prefix.with_name("net.index").read_bytes() == b"index"
    assert not list(tmp_path.parent.glob("*.index"))


def test_links_are_not_followed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a", "w") as file:
        link = tarfile.TarInfo("net.index")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        file.addfile(link)
    with pytest.raises(InvalidInput, match="contains 0 checkpoints"), unpacked(tmp_path / "a"):
        pass


def test_two_checkpoints_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as file:
        file.writestr("one.index", b"")
        file.writestr("two.index", b"")
    with (
        pytest.raises(InvalidInput, match=r"contains 2 checkpoints instead of one"),
        unpacked(tmp_path / "a"),
    ):
        pass


def test_archives_that_are_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("net.index", b"\0" * 2000)
    with pytest.raises(InvalidInput, match="not a checkpoint of PyNET"), unpacked(tmp_path / "a"):
        pass


def test_damage(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("net.index", bytes(range(256)) * 40)
    data = bytearray((tmp_path / "a").read_bytes())
    data[60] ^= 255
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(InvalidInput, match="the archive is damaged") as caught, unpacked(tmp_path / "a"):
        pass
    assert caught.value.path == tmp_path / "a"


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "bztar", "xztar"])
def test_cut_and_damaged_archives_of_every_kind(tmp_path: Path, kind: str) -> None:
    """Refused, or no archive any more; never another error."""
    made = Path(shutil.make_archive(str(tmp_path / "made"), kind, folder_of(tmp_path, FILES)))
    whole, rng = made.read_bytes(), random.Random(3)
    for _ in range(40):
        data = bytearray(whole[: rng.randrange(1, len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.randrange(4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        made.write_bytes(data)
        with contextlib.suppress(InvalidInput), unpacked(made) as prefix:
            assert prefix == made or prefix.name
