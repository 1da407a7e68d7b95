"""Photos of a pair's folder, whole or not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ebb.formats.png import encode_png
from ebb.report.stored import stored_photos


def test_damaged_photos_are_named_and_missing_ones_are_not(tmp_path: Path) -> None:
    photo = np.zeros((4, 6, 3), np.uint8)
    (tmp_path / "wide.png").write_bytes(encode_png(photo))
    (tmp_path / "shallow.png").write_bytes(encode_png(photo)[:-20])
    photos, damaged = stored_photos(tmp_path)
    assert list(photos) == ["wide"]
    assert np.array_equal(photos["wide"], photo)
    assert damaged == ["shallow"]
    (tmp_path / "depth.png").mkdir()
    assert stored_photos(tmp_path).damaged == ["shallow", "depth"]
    assert stored_photos(tmp_path / "gone") == ({}, [])


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "wide.png")
    assert stored_photos(tmp_path) == ({}, ["wide"])
