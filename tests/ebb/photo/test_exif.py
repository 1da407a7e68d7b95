import contextlib
import io
import math
import resource
import struct
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from ebb.errors import Broken, Reason
from ebb.photo import exif as exif_module
from ebb.photo.capture import Exif
from ebb.photo.exif import read_exif
from tests.helpers.bayer_files import bayer_dng
from tests.helpers.file_parts import iso_box

CAPTURES = Path(__file__).parents[3] / "data" / "sample" / "captures"
CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")

MAKE, MODEL, ORIENTATION, DATE_TIME = 0x010F, 0x0110, 0x0112, 0x0132
EXPOSURE, F_NUMBER, ISO, ORIGINAL, DIGITIZED = 0x829A, 0x829D, 0x8827, 0x9003, 0x9004
APERTURE, FOCAL, SUBSEC, SUBSEC_ORIGINAL, SUBSEC_DIGITIZED = 0x9202, 0x920A, 0x9290, 0x9291, 0x9292
SERIAL, LENS_SPECIFICATION, LENS_MODEL = 0xA431, 0xA432, 0xA434


def photo(kind: str = "JPEG", main: dict[int, Any] | None = None, **shot: Any) -> bytes:
    """A small photo whose EXIF Pillow wrote; keys of ``shot`` are tag names of this module."""
    exif = Image.Exif()
    for tag, value in (main or {}).items():
        exif[tag] = value
    exif.get_ifd(0x8769).update({globals()[name]: value for name, value in shot.items()})
    stream = io.BytesIO()
    Image.new("RGB", (16, 16)).save(stream, kind, exif=exif.tobytes())
    return stream.getvalue()


def reason_of(data: bytes, suffix: str) -> Reason | None:
    """Reason of a failure; any error other than ``Broken`` fails the test."""
    try:
        read_exif(data, suffix)
    except Broken as error:
        return error.reason
    return None


def test_sample_raw_file() -> None:
    assert read_exif((CAPTURES / "IMG_0303.DNG").read_bytes(), ".DNG") == Exif(
        camera="Canon EOS 7D",
        lens="EF50mm f/1.8 II",
        focal_length_mm=50.0,
        f_number=1.8,
        exposure_time_s=1 / 1250,
        iso=100.0,
        captured_at=datetime.fromisoformat("2019-06-02T14:10:45.01"),
        orientation=6,
    )


def test_raw_file_and_its_jpeg_twin_agree() -> None:
    raw, jpeg = (
        read_exif((CAPTURES / f"IMG_0301.{kind}").read_bytes(), f".{kind}") for kind in ("DNG", "JPG")
    )
    assert raw == jpeg


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_every_container_gives_the_same(kind: str) -> None:
    data = photo(kind, {MAKE: "Canon", MODEL: "Canon EOS 7D", ORIENTATION: 8}, F_NUMBER=1.8, SERIAL="0123")
    exif = read_exif(data, f".{kind.lower()}")
    assert (exif.camera, exif.orientation, exif.f_number, exif.serial) == ("Canon EOS 7D", 8, 1.8, "0123")


def test_raf_keeps_its_exif_in_the_embedded_jpeg() -> None:
    jpeg = photo(main={MAKE: "FUJIFILM", MODEL: "X-T3"}, F_NUMBER=2.0, LENS_MODEL="XF35mmF2")
    offsets = struct.pack(">6I", 108, len(jpeg), 108, 0, 108, 0)
    exif = read_exif(b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + offsets + jpeg, ".RAF")
    assert (exif.camera, exif.f_number, exif.lens) == ("FUJIFILM X-T3", 2.0, "XF35mmF2")


def test_cr3_keeps_its_exif_in_boxes() -> None:
    camera, shot = Image.Exif(), Image.Exif()
    camera[MAKE], camera[MODEL], camera[ORIENTATION] = "Canon", "Canon EOS R5", 6
    shot[F_NUMBER], shot[LENS_MODEL] = 1.8, "RF50mm F1.8 STM"
    blocks = [block.tobytes().removeprefix(b"Exif\0\0") for block in (camera, shot)]
    canon = iso_box(b"uuid", CANON + iso_box(b"CMT1", blocks[0]) + iso_box(b"CMT2", blocks[1]))
    exif = read_exif(iso_box(b"ftyp", b"crx ") + iso_box(b"moov", canon) + iso_box(b"mdat", b""), ".CR3")
    assert exif == Exif(camera="Canon EOS R5", lens="RF50mm F1.8 STM", f_number=1.8, orientation=6)


def test_libraw_provides_values_without_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exif_module, "merged", lambda blocks: {})
    exif = read_exif((CAPTURES / "IMG_0301.DNG").read_bytes(), ".DNG")
    assert exif.lens == "EF50mm f/1.8 II"
    assert (exif.f_number, exif.focal_length_mm, exif.iso) == (16.0, 50.0, 800.0)
    assert exif.exposure_time_s == pytest.approx(0.2)
    assert exif.captured_at == datetime.fromisoformat("2019-06-02T14:04:49")


def test_implausible_values_of_libraw_count_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No row of a shard may contain such a number, which would end the run."""
    shot = SimpleNamespace(
        timestamp=datetime(1970, 1, 1),
        focal_length=math.inf,
        aperture=math.nan,
        shutter_speed=-1.0,
        iso_speed=0.0,
    )
    raw = SimpleNamespace(lens=SimpleNamespace(make="", model=""), other=shot, sizes=SimpleNamespace(flip=77))
    monkeypatch.setattr("rawpy.imread", lambda _: contextlib.nullcontext(raw))
    assert read_exif(b"II*\0" + bytes(20), ".nef") == Exif()


def test_a_time_that_libraw_cannot_express(monkeypatch: pytest.MonkeyPatch) -> None:
    """The month 99 of the year 9999 was reported as a bug of ebb."""
    data = bayer_dng(np.arange(64 * 64).reshape(64, 64) + 600, time="9999:99:99 99:99:99")
    assert read_exif(data, ".dng").camera == "Test"
    monkeypatch.setattr(exif_module, "merged", lambda blocks: {})
    assert read_exif(data, ".dng") == Exif()


@pytest.mark.parametrize("name", ["F_NUMBER", "FOCAL", "EXPOSURE"])
@pytest.mark.parametrize("value", [0, (0, 0), (5, 0)])
def test_zero_and_undefined_ratios_count_as_not_written(name: str, value: Any) -> None:
    data = photo(**{name: IFDRational(7, 1)})
    at = data.index(struct.pack(">II", 7, 1))
    pair = value if isinstance(value, tuple) else (value, 1)
    data = data[:at] + struct.pack(">II", *pair) + data[at + 8 :]
    exif = read_exif(data, ".jpg")
    assert exif == Exif()


def test_iso_zero_counts_as_not_written() -> None:
    assert read_exif(photo(ISO=0), ".jpg").iso is None
    assert read_exif(photo(ISO=400), ".jpg").iso == 400.0


def test_aperture_value_replaces_a_missing_f_number() -> None:
    assert read_exif(photo(APERTURE=8.0), ".jpg").f_number == 16.0
    assert read_exif(photo(APERTURE=8.0, F_NUMBER=1.8), ".jpg").f_number == 1.8
    assert read_exif(photo(APERTURE=4000.0), ".jpg").f_number is None


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 7D", "Canon EOS 7D"),
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("SONY  ", " ILCE-7M3\0junk", "SONY ILCE-7M3"),
        ("", "X100", "X100"),
        ("Leica\n\x1b[31m", "", "Leica [31m"),
    ],
)
def test_camera_names(make: str, model: str, camera: str) -> None:
    assert read_exif(photo(main={MAKE: make, MODEL: model}), ".jpg").camera == camera


@pytest.mark.parametrize(
    ("specification", "text"),
    [
        ((50.0, 50.0, 1.8, 1.8), "50mm f/1.8"),
        ((18.0, 55.0, 3.5, 5.6), "18-55mm f/3.5-5.6"),
        ((50.0, 50.0, 0.0, 0.0), "50mm"),
        ((0.0, 0.0, 0.0, 0.0), ""),
    ],
)
def test_lens_specification_replaces_a_missing_model(specification: tuple[float, ...], text: str) -> None:
    assert read_exif(photo(LENS_SPECIFICATION=specification), ".jpg").lens == text
    assert read_exif(photo(LENS_SPECIFICATION=specification, LENS_MODEL="----"), ".jpg").lens == text


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"ORIGINAL": "2019:06:02 14:04:49"}, "2019-06-02T14:04:49"),
        ({"ORIGINAL": "2019:06:02 14:04:49", "SUBSEC_ORIGINAL": "86"}, "2019-06-02T14:04:49.86"),
        ({"ORIGINAL": "2019:06:02 14:04:49", "SUBSEC_ORIGINAL": "1234567 "}, "2019-06-02T14:04:49.123456"),
        ({"ORIGINAL": "2019:06:02 14:04:49", "SUBSEC_ORIGINAL": "x"}, "2019-06-02T14:04:49"),
        ({"ORIGINAL": "2019:06:02 14:04:49", "SUBSEC_DIGITIZED": "5"}, "2019-06-02T14:04:49"),
        (
            {"ORIGINAL": "0000:00:00 00:00:00", "DIGITIZED": "2019:06:02 14:04:50", "SUBSEC_DIGITIZED": "5"},
            "2019-06-02T14:04:50.5",
        ),
        ({"ORIGINAL": "2000:01:01 00:00:00"}, None),
        ({"ORIGINAL": "    :  :     :  :  "}, None),
        ({"ORIGINAL": "2019:13:02 14:04:49"}, None),
        ({"ORIGINAL": "yesterday"}, None),
        ({}, None),
    ],
)
def test_times(tags: dict[str, str], expected: str | None) -> None:
    time = None if expected is None else datetime.fromisoformat(expected)
    assert read_exif(photo(**tags), ".jpg").captured_at == time


def test_modification_time_is_the_last_resort() -> None:
    data = photo(main={DATE_TIME: "2020:02:29 01:02:03"}, SUBSEC="25")
    assert read_exif(data, ".jpg").captured_at == datetime.fromisoformat("2020-02-29T01:02:03.25")


@pytest.mark.parametrize(("stored", "expected"), [(1, 1), (5, 5), (8, 8), (0, 1), (9, 1), (65535, 1)])
def test_orientations(stored: int, expected: int) -> None:
    assert read_exif(photo(main={ORIENTATION: stored}), ".jpg").orientation == expected


@pytest.mark.parametrize(("of_photo", "expected"), [(6, 6), (None, 3)])
def test_the_orientation_of_a_tiff_is_that_of_its_photo(of_photo: int | None, expected: int) -> None:
    """Behind a thumbnail that has one too; without one of its own the first counts, as in RAW files."""
    with tifffile.TiffWriter(stream := io.BytesIO()) as file:
        small = np.zeros((8, 8), np.uint8)
        file.write(small, subfiletype=1, metadata=None, extratags=[(274, 3, 1, 3, True)])
        own = [(274, 3, 1, of_photo, True)] if of_photo else []
        file.write(np.zeros((32, 32), np.uint8), metadata=None, extratags=own)
    assert read_exif(stream.getvalue(), ".tif").orientation == expected


def test_positions_are_never_read() -> None:
    stored = Image.Exif()
    stored.get_ifd(0x8825)[2] = (48.0, 51.0, 29.0)
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG", exif=stored)
    assert read_exif(stream.getvalue(), ".jpg") == Exif()


@pytest.mark.parametrize(
    "data", [b"", b"plain text", b"\xff\xd8", b"II*\0", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xff\xff\xff"]
)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".cr2"])
def test_no_exif_is_an_empty_exif(data: bytes, suffix: str) -> None:
    assert read_exif(data, suffix) == Exif()


def tiff(*directories: tuple[int, bytes]) -> bytes:
    data = bytearray(b"II*\0" + struct.pack("<I", 8))
    for offset, content in directories:
        data = data.ljust(offset, b"\0") + content
    return bytes(data)


def rows(*entries: tuple[int, int, int, int], count: int | None = None) -> bytes:
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<H", len(entries) if count is None else count) + packed + struct.pack("<I", 0)


SHORT, LONG, UNDEFINED = 3, 4, 7
EXIF_POINTER, SUB_IFDS, GPS_POINTER, MAKER_NOTE = 0x8769, 0x014A, 0x8825, 0x927C
BOMBS = {
    "maker note of 1e9 values": tiff(
        (8, rows((MAKE, 2, 4, 0x6F6E4143), (EXIF_POINTER, LONG, 1, 40))),
        (40, rows((MAKER_NOTE, UNDEFINED, 10**9, 8))),
    ),
    "EXIF directory is the main directory": tiff(
        (8, rows((EXIF_POINTER, LONG, 1, 8), (GPS_POINTER, LONG, 1, 8)))
    ),
    "directories that hold each other": tiff(
        (8, rows((SUB_IFDS, LONG, 1, 40))), (40, rows((SUB_IFDS, LONG, 1, 8), (GPS_POINTER, LONG, 1, 8)))
    ),
    "65535 entries": tiff((8, rows((ISO, SHORT, 999, 8), count=65535))),
    "999 sub-directories": tiff((8, rows((SUB_IFDS, LONG, 999, 8), (EXIF_POINTER, LONG, 1, 8)))),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("suffix", [".tif", ".dng"])
def test_exif_bombs_are_read_in_bounded_time(name: str, suffix: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    exif = read_exif(BOMBS[name], suffix)
    assert exif.f_number is None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_pixels_are_not_interpreted_as_tags() -> None:
    """The offset of FNumber points behind the block, into the compressed pixels, which would give f/1.14."""
    data = photo(main={MAKE: "Canon"}, F_NUMBER=IFDRational(7, 1))
    at = data.index(struct.pack(">HHI", F_NUMBER, 5, 1)) + 8
    assert read_exif(data, ".jpg").f_number == 7.0
    exif = read_exif(data[:at] + struct.pack(">I", 400) + data[at + 4 :] + bytes(range(256)) * 4, ".jpg")
    assert (exif.camera, exif.f_number) == ("Canon", None)


def test_a_raw_file_without_exif_has_the_orientation_of_libraw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exif_module, "merged", lambda blocks: {})
    names = ("IMG_0301", "IMG_0303")
    exifs = [read_exif((CAPTURES / f"{name}.DNG").read_bytes(), ".DNG") for name in names]
    assert [exif.orientation for exif in exifs] == [1, 6]


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_mutated_exif_never_raises_another_error(draw: st.DataObject) -> None:
    data = bytearray(
        photo(main={MAKE: "Canon", MODEL: "Canon EOS 7D"}, F_NUMBER=1.8, ORIGINAL="2019:06:02 14:04:49")
    )
    places = draw.draw(st.lists(st.integers(0, min(len(data), 400) - 1), max_size=12))
    for place in places:
        data[place] = draw.draw(st.integers(0, 255))
    assert reason_of(bytes(data), ".jpg") in (None, Reason.CORRUPT_INPUT)


def test_random_bytes_in_any_container() -> None:
    generator = np.random.default_rng(11)
    for suffix, magic in (
        (".tif", b"II*\0\x08\0\0\0"),
        (".jpg", b"\xff\xd8\xff\xe1\x10\0Exif\0\0MM\0*"),
        (".orf", b"IIRO"),
    ):
        for _ in range(8):
            assert reason_of(magic + generator.bytes(300), suffix) in (None, Reason.CORRUPT_INPUT)
