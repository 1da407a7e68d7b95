import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ebb.errors import Broken, Reason
from ebb.formats import containers
from tests.helpers.file_parts import iso_box, png_chunk

CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")


def encoded(kind: str, **options: object) -> bytes:
    pixels = np.random.default_rng(5).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("progressive", [False, True])
def test_walks_a_jpeg_to_its_end(progressive: bool) -> None:
    data = encoded("JPEG", progressive=progressive, restart_marker_blocks=3, quality=98)
    segments = list(containers.jpeg_segments(data))
    assert segments[-1].name == b"\xd9"
    assert segments[-1].stop == len(data)
    assert sum(segment.name == b"\xda" for segment in segments) == (10 if progressive else 1)
    assert [size for s in segments if (size := containers.jpeg_frame_size(data, s))] == [(70, 50)]


def test_bytes_after_the_jpeg_and_padding_are_accepted() -> None:
    data = encoded("JPEG")
    assert containers.PNG_SIGNATURE not in data
    padded = data[:2] + b"\xff\xff\xff" + data[2:] + b"trailer\xff\xd8"
    assert list(containers.jpeg_segments(padded))[-1].stop == len(data) + 3


def test_a_thumbnail_inside_does_not_end_the_jpeg() -> None:
    data, thumbnail = encoded("JPEG"), encoded("JPEG", quality=5)
    application = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    with pytest.raises(Broken, match="truncated"):
        list(containers.jpeg_segments((data[:2] + application + data[2:])[:-2]))


@pytest.mark.parametrize("kept", [0.999, 0.9, 0.5, 0.1, 0.02])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_every_truncation_is_found(kind: str, kept: float) -> None:
    data = encoded(kind)
    walk = containers.jpeg_segments if kind == "JPEG" else containers.png_chunks
    with pytest.raises(Broken, match="truncated") as error:
        list(walk(data[: int(len(data) * kept)]))
    assert error.value.reason is Reason.CORRUPT_INPUT


def test_walks_a_png_and_checks_its_sums() -> None:
    data = bytearray(encoded("PNG"))
    assert [chunk.name for chunk in containers.png_chunks(bytes(data))] == [b"IHDR", b"IDAT", b"IEND"]
    assert containers.read_png_header(bytes(data)) == ((70, 50), 3, 8)
    data[len(data) // 2] ^= 1
    with pytest.raises(Broken, match=r"PNG chunk b'IDAT' has a wrong checksum"):
        list(containers.png_chunks(bytes(data)))


def test_png_without_a_header() -> None:
    with pytest.raises(Broken, match="no header chunk"):
        containers.read_png_header(containers.PNG_SIGNATURE + b"\0\0\0\x0dID")


def test_walks_boxes_of_all_three_length_forms() -> None:
    long = struct.pack(">I4sQ", 1, b"long", 20) + b"1234"
    rest = struct.pack(">I4s", 0, b"rest") + b"to the end"
    data = iso_box(b"ftyp", b"crx ") + long + rest
    assert [(part.name, data[part.start : part.stop]) for part in containers.iso_boxes(data)] == [
        (b"ftyp", b"crx "),
        (b"long", b"1234"),
        (b"rest", b"to the end"),
    ]


@pytest.mark.parametrize(
    "data",
    [iso_box(b"mdat", b"0123456789")[:-1], b"\0\0\0\x04free", b"\0\0", struct.pack(">I4sQ", 1, b"mdat", 9)],
)
def test_boxes_beyond_the_end(data: bytes) -> None:
    with pytest.raises(Broken, match="is truncated: box"):
        list(containers.iso_boxes(data))


def test_finds_the_metadata_of_a_cr3() -> None:
    canon = iso_box(
        b"uuid",
        CANON
        + iso_box(b"CNCV", b"x")
        + iso_box(b"CMT1", b"camera")
        + iso_box(b"CMT2", b"shot")
        + iso_box(b"CMT4", b"gps"),
    )
    other = iso_box(b"uuid", bytes(16) + b"no boxes")
    data = iso_box(b"ftyp", b"crx ") + iso_box(b"moov", other + canon) + iso_box(b"mdat", b"pixels")
    assert containers.cr3_metadata(data) == [b"camera", b"shot"]
    assert containers.cr3_metadata(iso_box(b"ftyp", b"crx ")) == []


def raf(jpeg: bytes, sensor_data: bytes) -> bytes:
    header = b"FUJIFILMCCD-RAW 0201".ljust(84, b"\0")
    offsets = (108, len(jpeg), 108 + len(jpeg), 0, 108 + len(jpeg), len(sensor_data))
    return header + struct.pack(">6I", *offsets) + jpeg + sensor_data


def test_finds_the_blocks_of_a_raf() -> None:
    data = raf(b"<jpeg>", b"<sensor>")
    assert [data[part.start : part.stop] for part in containers.raf_blocks(data)] == [
        b"<jpeg>",
        b"",
        b"<sensor>",
    ]


@pytest.mark.parametrize(
    ("kept", "what"), [(-1, "RAF block CFA"), (110, "RAF block JPEG"), (50, "the RAF header")]
)
def test_truncated_raf(kept: int, what: str) -> None:
    with pytest.raises(Broken, match=f"is truncated: {what} needs"):
        containers.raf_blocks(raf(b"<jpeg>", b"<sensor>")[:kept])


def test_a_png_with_its_pixels_only() -> None:
    """libpng decompresses every text it meets: 150 of them took 30 seconds."""
    image = Image.effect_noise((40, 30), 60).quantize(9)
    image.save(stream := io.BytesIO(), "PNG", transparency=b"\0\x80")
    plain = stream.getvalue()
    assert containers.png_with_pixels_only(plain) is plain
    text = png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(1000)))
    end = len(plain) - 12
    noted = plain[:33] + text * 3 + plain[33:end] + text + plain[end:]
    assert containers.png_with_pixels_only(noted) == plain
    for cut in range(8, len(noted), 7):
        assert len(containers.png_with_pixels_only(noted[:cut])) <= cut
