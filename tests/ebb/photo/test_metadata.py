"""Metadata that goes on into a picture, checked with Pillow and exifread on what was written."""

import io
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from ebb.photo.capture import Exif
from ebb.photo.exif import read_exif
from ebb.photo.metadata import Metadata, kept_metadata

CAPTURES = Path(__file__).parents[3] / "data" / "sample" / "captures"
PIXELS = Image.fromarray(np.random.default_rng(1).integers(0, 256, (8, 12, 3), np.uint8))
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def saved(kind: str, **extra: object) -> bytes:
    file = io.BytesIO()
    PIXELS.save(file, kind, **extra)
    return file.getvalue()


def with_exif(kind: str, maker_note: bytes = b"offsets") -> bytes:
    exif = PIXELS.getexif()
    exif[0x0112], exif[0x010F], exif[0x013B] = 6, "Canon", "A. Photographer"
    exif.get_ifd(0x8769).update({0x829D: 1.8, 0x927C: maker_note, 0xA002: 12, 0x9003: "2020:05:17 10:00:00"})
    exif.get_ifd(0x8825)[1] = "N"
    return saved(kind, exif=exif, icc_profile=PROFILE)


def kept(data: bytes, suffix: str) -> Metadata:
    return kept_metadata(data, suffix, read_exif(data, suffix), "ebb test")


@pytest.mark.parametrize(("kind", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png"), ("TIFF", ".TIF")])
def test_valid_tags_are_kept_and_others_removed(kind: str, suffix: str) -> None:
    metadata = kept(with_exif(kind), suffix)
    written = Image.open(io.BytesIO(saved("JPEG", exif=metadata.exif, icc_profile=metadata.icc_profile)))
    exif = written.getexif()
    assert {tag: exif[tag] for tag in (0x0112, 0x010F, 0x013B, 0x0131)} == {
        0x0112: 1,
        0x010F: "Canon",
        0x013B: "A. Photographer",
        0x0131: "ebb test",
    }
    assert not {0x0100, 0x0101, 0x0111, 0x0117, 0x8773} & set(exif)
    assert written.info["icc_profile"] == PROFILE
    if kind == "TIFF":  # Pillow writes no EXIF directory into these
        return
    details = exif.get_ifd(0x8769)
    assert details[0x829D] == pytest.approx(1.8)
    assert details[0x9003] == "2020:05:17 10:00:00"
    assert not {0x927C, 0xA002} & set(details)
    assert exif.get_ifd(0x8825)[1] == "N"


def as_heic(photo: bytes) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    data = io.BytesIO()
    pillow_heif.from_pillow(Image.open(io.BytesIO(photo))).save(data)
    return data.getvalue()


def test_metadata_of_a_heic() -> None:
    metadata = kept(as_heic(with_exif("JPEG")), ".HEIC")
    assert metadata.icc_profile == PROFILE
    exif = Image.Exif()
    exif.load(metadata.exif)
    assert (exif[0x0112], exif[0x010F], exif[0x0131]) == (1, "Canon", "ebb test")
    assert exif.get_ifd(0x8769)[0x829D] == pytest.approx(1.8)
    assert 0x927C not in exif.get_ifd(0x8769)
    assert kept_metadata(b"torn", ".heic", Exif(), "ebb test") == Metadata()


def test_metadata_of_a_raw_file() -> None:
    data = (CAPTURES / "IMG_0301.DNG").read_bytes()
    metadata = kept(data, ".dng")
    assert metadata.icc_profile == b""
    again = read_exif(saved("JPEG", exif=metadata.exif), ".jpg")
    before = read_exif(data, ".dng")
    assert again.orientation == 1
    for name in ("camera", "lens", "focal_length_mm", "f_number", "iso", "captured_at"):
        assert getattr(again, name) == getattr(before, name), name
    assert again.exposure_time_s == pytest.approx(before.exposure_time_s, rel=1e-4)


def test_a_raw_file_without_exif_gives_a_minimal_block() -> None:
    metadata = kept_metadata(b"", ".cr2", Exif(), "ebb test")
    assert read_exif(saved("JPEG", exif=metadata.exif), ".jpg") == Exif()
    odd = Exif(iso=1e9, captured_at=datetime(2020, 1, 2, 3, 4, 5))
    again = read_exif(saved("JPEG", exif=kept_metadata(b"", ".cr2", odd, "x").exif), ".jpg")
    assert again.captured_at == odd.captured_at


def test_a_photo_without_metadata() -> None:
    metadata = kept(saved("PNG"), ".png")
    assert metadata.icc_profile == b""
    exif = Image.open(io.BytesIO(saved("PNG", exif=metadata.exif))).getexif()
    assert (exif[0x0112], exif[0x0131]) == (1, "ebb test")
    assert not exif.get_ifd(0x8769)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", with_exif("JPEG")[:60]])
def test_unparsable_metadata_are_dropped(data: bytes) -> None:
    assert kept_metadata(data, ".jpg", Exif(), "ebb test") == Metadata()


@pytest.mark.parametrize(("kind", "suffix"), [("JPEG", ".jpg"), ("TIFF", ".tif"), ("HEIF", ".heic")])
def test_a_damaged_block_does_not_affect_the_colours(
    kind: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its profile, a photo in Adobe RGB or Display P3 has wrong colours."""
    data = as_heic(with_exif("JPEG")) if kind == "HEIF" else with_exif(kind)

    def torn(_: Image.Exif, *__: object) -> bytes:
        raise SyntaxError("not a TIFF file")

    monkeypatch.setattr(Image.Exif, "tobytes", torn)
    assert kept_metadata(data, suffix, Exif(), "ebb test") == Metadata(b"", PROFILE)


def test_a_block_too_large_for_a_jpeg_is_dropped() -> None:
    file = io.BytesIO()
    exif = PIXELS.getexif()
    exif[0x010E] = "x" * 70_000
    PIXELS.save(file, "TIFF", exif=exif)
    assert kept(file.getvalue(), ".tif").exif == b""
