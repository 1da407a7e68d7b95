import io
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ebb.errors import Broken, Reason
from ebb.photo.decode import decode
from ebb.photo.probe import probe
from ebb.photo.suffixes import OTHER_RAW_SUFFIXES, PHOTO_SUFFIXES, RAW_SUFFIXES
from tests.helpers.file_parts import png_bomb, png_chunk

CAPTURES = Path(__file__).parents[3] / "data" / "sample" / "captures"
LIMIT = 120.0
CUTS = [0.999, 0.9, 0.5, 0.1, 0.02]


def encoded(kind: str, **options: object) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 256, (90, 130, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def tiff(**options: object) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(3).integers(0, 65536, (90, 130, 3), dtype=np.uint16)
    tifffile.imwrite(stream, pixels, photometric="rgb", **options)
    return stream.getvalue()


PHOTOS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "jpeg": (".jpg", lambda: encoded("JPEG")),
    "progressive jpeg": (".JPEG", lambda: encoded("JPEG", progressive=True)),
    "png": (".png", lambda: encoded("PNG")),
    "tiff in strips": (".tif", lambda: tiff(rowsperstrip=8)),
    "tiff in tiles": (".tiff", lambda: tiff(tile=(32, 32))),
    "zipped tiff": (".tif", lambda: tiff(compression="zlib")),
    "tiff by libtiff": (".tif", lambda: encoded("TIFF", compression="tiff_lzw")),
    "bigtiff": (".tif", lambda: tiff(bigtiff=True, byteorder=">")),
    "dng": (".DNG", (CAPTURES / "IMG_0303.DNG").read_bytes),
}


@pytest.mark.parametrize("name", PHOTOS)
def test_size_of_the_stored_photo(name: str) -> None:
    suffix, make = PHOTOS[name]
    assert probe(make(), suffix, LIMIT) == ((1920, 1280) if suffix == ".DNG" else (130, 90))


def as_sony_writes_it() -> bytes:
    """A RAW file that begins with a preview without a size; the directory of the sensor is below that."""
    data = (CAPTURES / "IMG_0303.DNG").read_bytes()
    tags = ((254, 4, 1, 1), (259, 3, 1, 6), (330, 4, 1, 8), (513, 4, 1, 8), (514, 4, 1, 64))
    preview = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    first = struct.pack("<H", len(tags)) + preview + struct.pack("<I", 0)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + first


def test_size_of_a_raw_file_in_any_directory() -> None:
    """The first directory of an ARW has no size and must not be used."""
    data = as_sony_writes_it()
    assert probe(data, ".ARW", LIMIT) == (1920, 1280)
    with pytest.raises(Broken, match="claims 1920 x 1280") as error:
        probe(data, ".ARW", 1.0)
    assert error.value.reason is Reason.TOO_LARGE
    with pytest.raises(Broken, match="a TIFF with sensor data, as of a DNG, is not supported"):
        probe(data, ".tif", LIMIT)


@pytest.mark.parametrize("kept", CUTS)
@pytest.mark.parametrize("name", PHOTOS)
def test_every_truncation_is_found_before_decoding(name: str, kept: float) -> None:
    suffix, make = PHOTOS[name]
    data = make()
    with pytest.raises(Broken) as error:
        probe(data[: int(len(data) * kept)], suffix, LIMIT)
    assert error.value.reason is Reason.CORRUPT_INPUT
    assert "truncated" in error.value.message


@pytest.mark.parametrize("suffix", sorted(PHOTO_SUFFIXES - OTHER_RAW_SUFFIXES))
@pytest.mark.parametrize("data", [b"", b"IMG_0301 was shot at f/16\n", b"\x00" * 64])
def test_other_files_are_unreadable(data: bytes, suffix: str) -> None:
    with pytest.raises(Broken, match=r"the file is empty|is not a \w+ file: it begins with") as error:
        probe(data, suffix.upper(), LIMIT)
    assert error.value.reason is Reason.UNREADABLE


@pytest.mark.parametrize(
    ("data", "shown"), [(b"no photo\n", "'no photo'"), (b"\0\x01abcdefg", "00 01 61 62 63 64 65 66")]
)
def test_the_message_shows_the_first_bytes(data: bytes, shown: str) -> None:
    with pytest.raises(Broken, match=f"is not a JPG file: it begins with {shown}"):
        probe(data, ".jpg", LIMIT)


@pytest.mark.parametrize("suffix", sorted(RAW_SUFFIXES))
def test_a_jpeg_named_as_a_raw_file(suffix: str) -> None:
    with pytest.raises(Broken, match=f"is not a {suffix[1:].upper()} file") as error:
        probe(encoded("JPEG"), suffix, LIMIT)
    assert error.value.reason is Reason.UNREADABLE


def test_a_tiff_named_as_a_raw_file() -> None:
    with pytest.raises(Broken, match="LibRaw cannot read it: Unsupported file format") as error:
        probe(tiff(), ".CR2", LIMIT)
    assert error.value.reason is Reason.UNREADABLE


def test_other_suffixes_are_unsupported() -> None:
    with pytest.raises(Broken, match=r"\.txt is not a photo") as error:
        probe(b"notes", ".txt", LIMIT)
    assert error.value.reason is Reason.UNSUPPORTED_FILE


def jpeg_bomb() -> bytes:
    data = encoded("JPEG")
    return data.replace(struct.pack(">BHH", 8, 90, 130), struct.pack(">BHH", 8, 65500, 65500))


def patched_tiff(data: bytes, order: str = "<", **values: int) -> bytes:
    """Overwrite the value of the width and height tags in every directory."""
    patched = bytearray(data)
    for tag, value in ((256, values["width"]), (257, values["height"])):
        for kind in (3, 4):
            start = patched.find(struct.pack(f"{order}HHI", tag, kind, 1))
            while start >= 0:
                patched[start : start + 12] = struct.pack(f"{order}HHII", tag, 4, 1, value)
                start = patched.find(struct.pack(f"{order}HHI", tag, kind, 1), start + 12)
    return bytes(patched)


def dng_bomb() -> bytes:
    return patched_tiff((CAPTURES / "IMG_0301.DNG").read_bytes(), width=60000, height=60000)


BOMBS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "png": (".png", png_bomb, "claims 30000 x 30000 = 900 megapixels, more than 120"),
    "jpeg": (".jpg", jpeg_bomb, "claims 65500 x 65500 = 4290 megapixels, more than 120"),
    "dng": (".dng", dng_bomb, "claims 60000 x 60000 = 3600 megapixels, more than 120"),
    "tiff": (
        ".tif",
        lambda: patched_tiff(tiff(), width=60000, height=60000),
        "claims 60000 x 60000 = 3600 megapixels, more than 120",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_by_their_claimed_size(name: str) -> None:
    suffix, make, message = BOMBS[name]
    with pytest.raises(Broken, match=message) as error:
        probe(make(), suffix, LIMIT)
    assert error.value.reason is Reason.TOO_LARGE


def test_the_limit_is_set_by_the_caller() -> None:
    assert probe(encoded("PNG"), ".png", 0.0117) == (130, 90)
    with pytest.raises(Broken, match=r"more than 0.0116"):
        probe(encoded("PNG"), ".png", 0.0116)


def test_bombs_take_no_memory(tmp_path: Path) -> None:
    for name, (suffix, make, _) in BOMBS.items():
        (tmp_path / f"{name}{suffix}").write_bytes(make())
    (tmp_path / "strips.tif").write_bytes(
        b"II*\0" + struct.pack("<IHHHIIHHIII", 8, 2, 273, 4, 2**32 - 1, 8, 279, 4, 2**32 - 1, 8, 0)
    )
    script = f"""
import pathlib, resource
from ebb.errors import Broken
from ebb.photo.probe import probe
probe(pathlib.Path({str(CAPTURES / "IMG_0302.DNG")!r}).read_bytes(), ".dng", 120)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sorted(pathlib.Path({str(tmp_path)!r}).iterdir()):
    try:
        probe(path.read_bytes(), path.suffix, 120)
    except Broken as error:
        print(error.reason)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    *reasons, grown_kb = run.stdout.split()
    assert sorted(reasons) == ["corrupt_input"] + ["too_large"] * 4
    assert int(grown_kb) < 20_000


def test_missing_uncompressed_pixels() -> None:
    with pytest.raises(Broken, match=r"stores 70200 bytes for 1300 x 900 pixels that need 7020000"):
        probe(patched_tiff(tiff(), width=1300, height=900), ".tif", LIMIT)


def test_a_frame_without_pixels() -> None:
    data = encoded("JPEG").replace(struct.pack(">BHH", 8, 90, 130), struct.pack(">BHH", 8, 0, 130))
    with pytest.raises(Broken, match="claims 130 x 0 pixels") as error:
        probe(data, ".jpg", LIMIT)
    assert error.value.reason is Reason.CORRUPT_INPUT


def test_png_without_pixels() -> None:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 3, 8, 2, 0, 0, 0))
    with pytest.raises(Broken, match="holds no pixels"):
        probe(b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IEND", b""), ".png", LIMIT)


def test_a_cr3_truncated_between_two_boxes() -> None:
    data = struct.pack(">I4s8s", 16, b"ftyp", b"crx \0\0\0\1") + struct.pack(">I4s", 8, b"moov")
    with pytest.raises(Broken, match="is truncated: box mdat is missing"):
        probe(data, ".cr3", LIMIT)


def test_a_raf_truncated_in_its_sensor_data() -> None:
    data = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">6I", 108, 10, 118, 0, 118, 9999) + bytes(20)
    with pytest.raises(Broken, match="is truncated: RAF block CFA needs 10117 bytes, the file has 128"):
        probe(data, ".raf", LIMIT)


def test_an_rw2_truncated_before_its_sensor_data() -> None:
    data = b"IIU\0" + struct.pack("<IHHHIII", 8, 1, 0x118, 4, 1, 4096, 0)
    with pytest.raises(Broken, match="is truncated: sensor data begin at 4096 of 26"):
        probe(data, ".rw2", LIMIT)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from([name for name in PHOTOS if name != "dng"]), st.data())
def test_mutated_files_raise_only_broken(name: str, draw: st.DataObject) -> None:
    suffix, make = PHOTOS[name]
    data = bytearray(make())
    for place in draw.draw(st.lists(st.integers(0, len(data) - 1) | st.integers(0, 300), max_size=8)):
        data[place] = draw.draw(st.integers(0, 255))
    try:
        size = probe(bytes(data), suffix, 1.0)
        photo = decode(bytes(data), suffix, 1)
    except Broken:
        return
    assert photo.shape == (size.height, size.width, 3)


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_mutated_raw_files_raise_only_broken(draw: st.DataObject) -> None:
    data = bytearray((CAPTURES / "IMG_0302.DNG").read_bytes())
    for place in draw.draw(st.lists(st.integers(0, 1485), min_size=1, max_size=6)):
        data[place] = draw.draw(st.integers(0, 255))
    try:
        assert min(probe(bytes(data), ".dng", LIMIT)) > 0
    except Broken:
        return


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [(1, 0xC7, "a JPEG of the process SOF7 is not supported"), (4, 12, "a JPEG of 12 bits is not supported")],
)
def test_jpeg_of_other_processes_is_known_at_ingest(offset: int, value: int, message: str) -> None:
    data = bytearray(encoded("JPEG"))
    data[data.index(b"\xff\xc0") + offset] = value
    with pytest.raises(Broken, match=message) as caught:
        probe(bytes(data), ".jpg", LIMIT)
    assert caught.value.reason is Reason.UNSUPPORTED_PIXELS
