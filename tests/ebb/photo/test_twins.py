"""Which of equal files is the original, and which files are one shot."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from ebb.photo.capture import Capture, Exif
from ebb.photo.twins import copy_rank, same_exposure, same_instant

TIME = datetime(2024, 5, 1, 12, 0, 0, 123_000)
EXIF = Exif(camera="Pixel 7a", f_number=1.9, exposure_time_s=0.01, captured_at=TIME)
RAW = Capture(name="a/1.dng", sha256="00", exif=EXIF)


@pytest.mark.parametrize(
    ("original", "copy"),
    [
        ("DCIM/100CANON/IMG_1.JPG", "backup/IMG_1.JPG"),
        ("DCIM/100CANON/IMG_1.JPG", "backup/IMG_1 (1).JPG"),
        ("DCIM/100CANON/IMG_1.JPG", "IMG_1 (2).JPG"),
        ("a/b/c/IMG_1.JPG", "IMG_1 - Copy.JPG"),
        ("a/b/c/IMG_1.JPG", "Copy of IMG_1.JPG"),
        ("a/b/c/IMG_1.JPG", "IMG_1 - Kopie.JPG"),
        ("card/IMG_1.JPG", "Backups 2024/IMG_1.JPG"),
        ("IMG_1.JPG", "export/IMG_1.JPG"),
        ("IMG_1.JPG", "IMG_1-2.JPG"),
        ("copyright/IMG_1.JPG", "copy/IMG_1.JPG"),
    ],
)
def test_the_original_comes_first(original: str, copy: str) -> None:
    assert copy_rank(original) < copy_rank(copy)


def test_one_instant() -> None:
    assert same_instant(RAW, replace(RAW, name="b/other.jpg"))
    assert not same_instant(RAW, replace(RAW, exif=replace(EXIF, captured_at=None)))
    assert not same_instant(*[replace(RAW, exif=replace(EXIF, captured_at=TIME.replace(microsecond=0)))] * 2)
    assert not same_instant(*[replace(RAW, exif=replace(EXIF, camera=""))] * 2)
    assert not same_instant(RAW, replace(RAW, exif=replace(EXIF, exposure_time_s=0.02)))
    assert same_instant(RAW, replace(RAW, exif=replace(EXIF, exposure_time_s=None)))


def test_one_exposure() -> None:
    whole = replace(RAW, exif=replace(EXIF, captured_at=TIME.replace(microsecond=0)))
    untimed = replace(RAW, exif=replace(EXIF, captured_at=None))
    assert same_exposure(RAW, whole)
    assert same_exposure(RAW, untimed)
    assert not same_exposure(RAW, replace(untimed, name="b/1.jpg"))
    assert not same_exposure(RAW, replace(RAW, exif=replace(EXIF, f_number=2.8)))
