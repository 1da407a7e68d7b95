"""JPEG files: pixels and EXIF as Pillow, OpenCV and ExifRead see them."""

from __future__ import annotations

import io
from datetime import datetime
from fractions import Fraction

import cv2
import exifread
import numpy as np
import pytest
from PIL import Image, ImageOps

from ebb.errors import OutputError, UsageError
from ebb.formats.exif_writer import EXIF_IFD, ShotInfo, exif_block
from ebb.formats.jpeg import encode_jpeg
from ebb.simulation.develop import as_stored
from tests.helpers.captures import scene


def test_quality_sampling_and_colour_order_agree_with_pillow() -> None:
    photo = scene(1)
    ours = Image.open(io.BytesIO(encode_jpeg(photo)))
    Image.fromarray(photo).save(buffer := io.BytesIO(), "jpeg", quality=95, subsampling=2)
    pillow = Image.open(io.BytesIO(buffer.getvalue()))
    assert ours.quantization == pillow.quantization  # type: ignore[attr-defined]
    assert ours.layer == pillow.layer  # type: ignore[attr-defined]
    assert np.abs(np.asarray(ours).astype(float) - np.asarray(pillow)).mean() < 0.5


def test_grey_has_one_component_and_keeps_its_sides() -> None:
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (16, 1))
    found = Image.open(io.BytesIO(encode_jpeg(ramp)))
    assert found.mode == "L"
    assert np.abs(np.asarray(found).astype(int) - ramp).max() < 4


def test_too_wide_for_jpeg() -> None:
    with pytest.raises(OutputError, match="refused a photo of 65501 x 1"):
        encode_jpeg(np.zeros((1, 65501, 3), np.uint8))


def shot(orientation: int = 1) -> ShotInfo:
    return ShotInfo(
        captured_at=datetime(2019, 6, 2, 14, 4, 49, 60_000),
        exposure_time_s=Fraction(3, 10),
        f_number=16,
        iso=1600,
        focal_length_mm=50,
        orientation=orientation,
    )


def camera_file(photo: np.ndarray, info: ShotInfo) -> bytes:
    return encode_jpeg(photo, exif=exif_block(info, photo.shape[1], photo.shape[0]))


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    y, x = np.mgrid[:96, :144]
    return np.stack([x, y, 255 - x], axis=2).astype(np.uint8)


def test_exif_reads_back_equal(photo: np.ndarray) -> None:
    file = camera_file(photo, shot(8))
    tags = {
        name: str(value) for name, value in exifread.process_file(io.BytesIO(file), details=False).items()
    }
    assert tags["EXIF ExposureTime"] == "3/10"
    assert tags["EXIF FNumber"] == "16"
    assert tags["EXIF ISOSpeedRatings"] == "1600"
    assert tags["EXIF SubSecTimeOriginal"] == "060"
    assert tags["Image Orientation"] == "Rotated 90 CCW"
    with Image.open(io.BytesIO(file)) as image:
        exif = image.getexif()
        inner = exif.get_ifd(EXIF_IFD)
    assert (exif[271], exif[272], exif[274]) == ("ebb", "ebb thin-lens camera", 8)
    assert (float(inner[33434]), float(inner[33437]), inner[34855]) == (0.3, 16.0, 1600)
    assert inner[36867] == "2019:06:02 14:04:49"
    assert (inner[40962], inner[40963]) == (144, 96)


def test_it_has_the_structure_of_a_camera_file(photo: np.ndarray) -> None:
    """EXIF directly after the first marker, no JFIF, chroma at half size, and the picture."""
    file = camera_file(photo, shot())
    assert file[:4] == b"\xff\xd8\xff\xe1"
    assert b"JFIF" not in file
    with Image.open(io.BytesIO(file)) as image:
        assert [component[1:3] for component in image.layer] == [(2, 2), (1, 1), (1, 1)]
        assert np.abs(np.asarray(image).astype(int) - photo).mean() < 1.5
    decoded = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.abs(decoded.astype(int) - photo).mean() < 1.5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pillow_turns_every_orientation_upright(photo: np.ndarray, orientation: int) -> None:
    stored = as_stored(photo.astype(np.float32), orientation).astype(np.uint8)
    with Image.open(io.BytesIO(camera_file(stored, shot(orientation)))) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    assert upright.shape == photo.shape
    assert np.abs(upright.astype(int) - photo).mean() < 1.5


@pytest.mark.parametrize("wrong", [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.uint16)])
def test_not_a_photo(wrong: np.ndarray) -> None:
    with pytest.raises(UsageError, match="uint8"):
        encode_jpeg(wrong)


@pytest.mark.parametrize("has_exif", [False, True])
def test_a_long_profile_round_trips(photo: np.ndarray, has_exif: bool) -> None:
    profile = np.random.default_rng(0).bytes(150_000)
    exif = exif_block(shot(), photo.shape[1], photo.shape[0]) if has_exif else b""
    found = Image.open(io.BytesIO(encode_jpeg(photo, exif=exif, icc_profile=profile)))
    assert found.info["icc_profile"] == profile
    assert ("exif" in found.info, "jfif" in found.info) == (has_exif, not has_exif)


def test_chroma_at_full_size_agrees_with_pillow(photo: np.ndarray) -> None:
    ours = Image.open(io.BytesIO(encode_jpeg(photo, chroma="4:4:4")))
    Image.fromarray(photo).save(buffer := io.BytesIO(), "jpeg", quality=95, subsampling=0)
    assert ours.layer == Image.open(buffer).layer  # type: ignore[attr-defined]
