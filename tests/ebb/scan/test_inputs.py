"""A file is only used if it still is the one that was ingested."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from ebb.dataset.catalog import CatalogRow
from ebb.errors import Broken, Reason
from ebb.files import sha256_bytes
from ebb.scan import inputs
from ebb.scan.inputs import ingested_photo, read_ingested


def test_read_ingested(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"abc")
    row = CatalogRow(folder=str(tmp_path), name="a.jpg", sha256=sha256_bytes(b"abc"))
    assert read_ingested(row) == b"abc"
    (tmp_path / "a.jpg").write_bytes(b"abd")
    with pytest.raises(Broken, match=r"a\.jpg: not the bytes that were ingested") as caught:
        read_ingested(row)
    assert caught.value.reason is Reason.INPUT_CHANGED
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(Broken, match="cannot be read") as caught:
        read_ingested(row)
    assert caught.value.reason is Reason.UNREADABLE


def test_a_photo_is_read_when_it_is_opened(tmp_path: Path) -> None:
    row = CatalogRow(folder=str(tmp_path), name="a.jpg", sha256=sha256_bytes(b"abc"), height=7, iso=100.0)
    photo = ingested_photo(row)
    assert (photo.name, photo.height, photo.exposure) == ("a.jpg", 7, (None, None, 100.0))
    (tmp_path / "a.jpg").write_bytes(b"abc")
    assert photo.read() == b"abc"
    (tmp_path / "a.jpg").write_bytes(b"abd")
    with pytest.raises(Broken, match="not the bytes that were ingested"):
        photo.read()


def test_a_sparse_file_in_place_of_a_photo_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "_LARGE_BYTES", 1 << 24)
    (tmp_path / "a.jpg").write_bytes(b"abc")
    row = CatalogRow(folder=str(tmp_path), name="a.jpg", sha256=sha256_bytes(b"abc"))
    os.truncate(tmp_path / "a.jpg", 1 << 25)
    tracemalloc.start()
    with pytest.raises(Broken, match="not the bytes that were ingested"):
        read_ingested(row)
    assert tracemalloc.get_traced_memory()[1] < 1 << 23
    tracemalloc.stop()
    whole = (tmp_path / "a.jpg").read_bytes()
    row = CatalogRow(folder=str(tmp_path), name="a.jpg", sha256=sha256_bytes(whole))
    assert read_ingested(row) == whole
