"""JPEG files: pixels and EXIF as Pillow, OpenCV and ExifRead see them."""

from __future__ import annotations

import io
import struct
from datetime import datetime
from fractions import Fraction

import cv2
import exifread
import numpy as np
import pytest
from PIL import Image, ImageOps

from ebb.errors import Broken, OutputError, Reason, UsageError
from ebb.formats.exif_writer import EXIF_IFD, ShotInfo, exif_block
from ebb.formats.jpeg import check_jpeg, encode_jpeg
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


def saved(mode: str = "RGB", **options: object) -> bytes:
    """A JPEG by Pillow, of a scene that is no multiple of its blocks."""
    Image.fromarray(scene(2, (203, 149))).convert(mode).save(buffer := io.BytesIO(), "jpeg", **options)
    return buffer.getvalue()


WHOLE = {
    "sequential": saved(),
    "progressive": saved(progressive=True),
    "restarts": saved(restart_marker_rows=1),
    "full chroma": saved(subsampling=0),
    "grey": saved("L"),
    "CMYK": saved("CMYK"),
    "in RGB": saved(keep_rgb=True),
    "EXIF": camera_file(scene(3, (90, 70)), shot()),
    "one pixel": encode_jpeg(np.zeros((1, 1, 3), np.uint8)),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_files_pass(name: str) -> None:
    check_jpeg(WHOLE[name])
    check_jpeg(WHOLE[name] + b"a video of a phone")
    adobe = b"\xff\xee" + struct.pack(">H", 14) + b"Adobe" + bytes([0, 100, 0, 0, 0, 0, 2])
    check_jpeg(WHOLE[name][:2] + adobe + WHOLE[name][2:])  # libjpeg warns of a transform for other channels


def first_scan(data: bytes) -> int:
    """Offset of the first compressed byte."""
    start = data.index(b"\xff\xda")
    return start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")


DAMAGE = {
    "its second half lost": lambda data, middle: data[:middle] + b"\xff\xd9",
    "a block lost": lambda data, middle: data[:middle] + data[middle + 512 :],
    "a block of zeros": lambda data, middle: data[:middle] + bytes(512) + data[middle + 512 :],
    "a block of another file": lambda data, middle: data[:middle] + data[-1024:-512] + data[middle + 512 :],
    "twice as high": lambda data, _: twice_as_high(data),
}


def twice_as_high(data: bytes) -> bytes:
    at = next(data.index(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in data) + 5
    height = int.from_bytes(data[at : at + 2], "big")
    return data[:at] + (2 * height).to_bytes(2, "big") + data[at + 2 :]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["sequential", "restarts", "grey"])
def test_damage_that_decoders_cover_up(name: str, damage: str) -> None:
    data = WHOLE[name]
    broken = DAMAGE[damage](data, (first_scan(data) + len(data)) // 2)
    shown = cv2.imdecode(np.frombuffer(broken, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    whole = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape != whole.shape or np.abs(shown.astype(int) - whole).max() > 50
    with pytest.raises(Broken, match="cannot be decoded as a whole, libjpeg says") as caught:
        check_jpeg(broken)
    assert caught.value.reason is Reason.CORRUPT_INPUT


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_progressive_scans_that_are_cut(share: float) -> None:
    data = WHOLE["progressive"]
    start = first_scan(data)
    with pytest.raises(Broken, match="premature end of data segment"):
        check_jpeg(data[: start + int(share * (len(data) - start))] + b"\xff\xd9")


@pytest.mark.parametrize(("num_bytes", "is_whole"), [(1, True), (16, True), (40, False), (500, False)])
def test_a_few_bytes_before_the_end_are_padding(num_bytes: int, is_whole: bool) -> None:
    padded = WHOLE["sequential"][:-2] + b"\x55" * num_bytes + b"\xff\xd9"
    if is_whole:
        check_jpeg(padded)
        return
    with pytest.raises(Broken, match=r"\d+ extraneous bytes before marker 0xd9"):
        check_jpeg(padded)


def test_a_jpeg_without_its_end_is_truncated() -> None:
    with pytest.raises(Broken, match="is truncated"):
        check_jpeg(WHOLE["sequential"][:-2])


def test_unusual_subsampling_is_left_to_the_decoder() -> None:
    """TurboJPEG knows seven combinations of sampling factors; libjpeg decodes any."""
    data = bytearray(WHOLE["full chroma"])
    at = data.index(b"\xff\xc0") + 10
    assert data[at : at + 9 : 3] == bytes([1, 2, 3])
    data[at + 1 : at + 9 : 3] = bytes([0x11, 0x22, 0x11])
    check_jpeg(bytes(data))
