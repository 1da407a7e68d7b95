"""Limits on the size of files, and that nothing larger is read."""

import os
import tracemalloc
from pathlib import Path

import pytest

from ebb.errors import Broken, Reason
from ebb.photo.file_size import max_file_bytes, read_photo_file


@pytest.mark.parametrize(
    ("suffix", "most"),
    [(".JPG", 854), (".heic", 854), (".tif", 2054), (".png", 1094), (".CR2", 1094), (".npy", 1094)],
)
def test_limits_at_120_megapixels(suffix: str, most: int) -> None:
    assert max_file_bytes(suffix, 120) // 1_000_000 == most


@pytest.mark.parametrize("bits", [8, 16])
def test_any_photo_of_random_numbers_fits(bits: int) -> None:
    """Random numbers are what compresses least: RGB with alpha takes its own size, and 1 per mille more."""
    for suffix in (".png", ".tif"):
        assert max_file_bytes(suffix, 1) > 1e6 * 4 * bits / 8 * 1.001


def test_a_sparse_file_is_not_read(tmp_path: Path) -> None:
    """3 GB, 88 kB of them on the disk, were read into memory."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    os.truncate(path, 3_000_000_000)
    tracemalloc.start()
    with pytest.raises(
        Broken, match="has 3000 MB, more than the 854 MB of a .jpg file of up to 120"
    ) as error:
        read_photo_file(path)
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()
    assert error.value.reason is Reason.TOO_LARGE


def test_a_file_within_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"photo")
    assert read_photo_file(path, 1) == b"photo"


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    for name, message in (("a.jpg", "not a regular file"), ("b.jpg", "No such file"), (".", "directory")):
        with pytest.raises(Broken, match=message) as error:
            read_photo_file(tmp_path / name)
        assert error.value.reason is Reason.UNREADABLE


def test_an_infinite_limit(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"abc")
    tracemalloc.start()
    assert read_photo_file(tmp_path / "a.jpg", float("inf")) == b"abc"
    assert tracemalloc.get_traced_memory()[1] < 1e6  # no room is made for the largest file
    tracemalloc.stop()
