from __future__ import annotations

from datetime import datetime

from ebb.photo.capture import Capture, Exif


def test_a_file_without_exif_has_no_values_and_stands_upright() -> None:
    exif = Exif()
    assert (exif.camera, exif.lens, exif.serial) == ("", "", "")
    numbers = (exif.focal_length_mm, exif.f_number, exif.exposure_time_s, exif.iso, exif.captured_at)
    assert numbers == (None,) * 5
    assert exif.orientation == 1


def test_equal_names_in_two_folders_are_two_captures() -> None:
    def make(folder: str) -> Capture:
        exif = Exif(camera="Canon EOS 7D", captured_at=datetime.fromisoformat("2019-06-02 14:04:49.865"))
        return Capture(name="a/IMG_0001.CR2", folder=folder, sha256="00", width=5184, height=3456, exif=exif)

    assert make("x") == make("x")
    assert make("x") != make("y"), "equal names of two folders are two captures"
    assert len({make("x"), make("x"), make("y")}) == 2
