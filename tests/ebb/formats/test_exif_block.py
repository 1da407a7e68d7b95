"""EXIF blocks, wherever writers put them; what stands in them is checked with Pillow and exifread."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import exifread
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ebb.errors import Broken
from ebb.formats.containers import PNG_SIGNATURE
from ebb.formats.exif_block import jpeg_exif, merged, png_exif, read_tags

CAPTURES = Path(__file__).parents[3] / "data" / "sample" / "captures"
MAKE, ORIENTATION, EXIF_IFD, F_NUMBER, TIME, LENS = 271, 274, 0x8769, 0x829D, 0x9003, 0xA434


def block(f_number: float = 1.8, order: str = "<", other: dict[int, object] | None = None) -> bytes:
    """By Pillow, without the header that a JPEG puts before it."""
    exif = Image.Exif()
    exif.endian = order
    exif[MAKE], exif[ORIENTATION] = "Canon", 6
    exif.get_ifd(EXIF_IFD).update({F_NUMBER: f_number, TIME: "2019:06:02 14:04:49", **(other or {})})
    return exif.tobytes().removeprefix(b"Exif\0\0")


def segment(code: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(content) + 2) + content


def jpeg(*segments: bytes) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 90, 10)).save(stream, "JPEG")
    plain = stream.getvalue()
    return plain[:2] + b"".join(segments) + plain[2:]


def app1(content: bytes) -> bytes:
    return segment(0xE1, b"Exif\0\0" + content)


XMP = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<x/>" * 9000)
LONG_XMP = segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(60_000))
ICC = segment(0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(3000))
TABLE = segment(0xDB, b"\0" + bytes(range(1, 65)))
BEFORE = {
    "nothing": b"",
    "XMP": XMP,
    "extended XMP": XMP + LONG_XMP * 3,
    "a colour profile": ICC,
    "a quantisation table": TABLE,
    "a comment with a marker in it": segment(0xFE, b"\xff\xe1\x00\x08Exif\0\0"),
    "fill bytes": b"\xff" * 40,
    "Photoshop's notes": segment(0xED, b"Photoshop 3.0\0" + bytes(900)),
}


@pytest.mark.parametrize("before", BEFORE)
def test_exif_of_a_jpeg_at_any_position(before: str) -> None:
    wanted = block()
    assert jpeg_exif(jpeg(BEFORE[before], app1(wanted))) == [wanted]
    with Image.open(io.BytesIO(jpeg(BEFORE[before], app1(wanted)))) as image:
        assert image.info["exif"].removeprefix(b"Exif\0\0") == wanted


def test_the_first_of_two_blocks_takes_precedence() -> None:
    first, second = block(16.0), block(1.8, ">", {LENS: "EF50mm"})
    tags = merged(jpeg_exif(jpeg(app1(first), XMP, app1(second))))
    assert tags[F_NUMBER] == (16.0,)
    assert tags[LENS] == "EF50mm"
    assert merged([b"garbage", second])[F_NUMBER] == pytest.approx((1.8,))


def test_a_block_of_several_segments() -> None:
    whole = block() + bytes(70_000)
    parts = [app1(whole[start : start + 60_000]) for start in range(0, len(whole), 60_000)]
    assert jpeg_exif(jpeg(*parts)) == [whole]


def test_data_after_the_start_of_scan_is_ignored() -> None:
    data = jpeg()
    at = data.rindex(b"\xff\xd9")
    assert jpeg_exif(data[:at] + app1(block()) + data[at:]) == []


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(*chunks: bytes, behind: bool = False) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 90, 10)).save(stream, "PNG")
    plain = stream.getvalue()
    at = len(plain) - 12 if behind else len(PNG_SIGNATURE) + 25
    return plain[:at] + b"".join(chunks) + plain[at:]


def profile(kind: bytes, content: bytes) -> bytes:
    lines = b"\n".join(content.hex().encode()[i : i + 72] for i in range(0, 2 * len(content), 72))
    return b"\n%s\n%8d\n%s\n" % (kind, len(content), lines)


PNGS: dict[str, Callable[[bytes], bytes]] = {
    "eXIf": lambda exif: chunk(b"eXIf", exif),
    "eXIf with the header of a JPEG": lambda exif: chunk(b"eXIf", b"Exif\0\0" + exif),
    "zTXt exif": lambda exif: chunk(
        b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile(b"exif", b"Exif\0\0" + exif))
    ),
    "zTXt APP1": lambda exif: chunk(
        b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(profile(b"APP1", b"Exif\0\0" + exif))
    ),
    "tEXt": lambda exif: chunk(b"tEXt", b"Raw profile type exif\0" + profile(b"exif", exif)),
    "iTXt": lambda exif: chunk(b"iTXt", b"Raw profile type exif\0\0\0\0\0" + profile(b"exif", exif)),
    "iTXt, compressed": lambda exif: chunk(
        b"iTXt", b"Raw profile type exif\0\1\0en\0\0" + zlib.compress(profile(b"exif", exif))
    ),
}


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("kind", PNGS)
def test_exif_of_a_png(kind: str, behind: bool) -> None:
    wanted = block()
    data = png(PNGS[kind](wanted), behind=behind)
    assert png_exif(data) == [wanted]
    if kind.startswith("zTXt exif") and not behind:
        with Image.open(io.BytesIO(data)) as image:
            assert image.getexif()[ORIENTATION] == 6


@pytest.mark.parametrize(
    "content",
    [
        b"Raw profile type exif\0\0not zlib",
        b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 4\nnot hexadecimal"),
        b"Raw profile type xmp\0\0" + zlib.compress(profile(b"xmp", b"<x/>")),
        b"no keyword",
    ],
)
def test_texts_that_are_not_exif(content: bytes) -> None:
    assert png_exif(png(chunk(b"zTXt", content))) == []


def test_the_number_of_blocks_is_limited() -> None:
    """150 profiles in 2.5 MB took 1.4 GB, and 30 seconds."""
    raw = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile(b"exif", block())))
    assert len(png_exif(png(*[raw] * 50))) == 4
    assert len(png_exif(png(*[chunk(b"eXIf", block())] * 50))) == 8
    assert len(jpeg_exif(jpeg(*[app1(block())] * 50))) == 8


def test_damaged_profiles_count() -> None:
    damaged = chunk(b"zTXt", b"Raw profile type exif\0\0not zlib")
    raw = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile(b"exif", block())))
    assert png_exif(png(damaged, raw)) == [block()]
    assert png_exif(png(*[damaged] * 4, raw)) == []


def test_digits_with_spaces_between_take_little_memory() -> None:
    digits = b"\nexif\n 9\n" + b"0 0 " * 500_000
    data = png(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(digits)))
    tracemalloc.start()
    assert png_exif(data) == [bytes(500_000)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * len(digits)


@pytest.mark.parametrize("padding", [b"\0", b"\xff", b" "])
def test_the_byte_after_exif_may_be_any(padding: bytes) -> None:
    (found,) = jpeg_exif(jpeg(segment(0xE1, b"Exif\0" + padding + block())))
    assert found == block()


def nested(main: list[tuple[int, int]], details: list[tuple[int, int]]) -> bytes:
    """A main and an EXIF directory of integers."""
    start = 8 + 2 + 12 * (len(main) + 1) + 4
    tables = [[*main, (EXIF_IFD, start)], details]
    packed = b"".join(
        struct.pack("<H", len(table))
        + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in table)
        + bytes(4)
        for table in tables
    )
    return b"II*\0\x08\0\0\0" + packed


def test_of_tags_of_tiff_the_main_directory_counts() -> None:
    """The orientation of the EXIF directory rotated the photo."""
    tags = read_tags(nested([(ORIENTATION, 1), (F_NUMBER, 2)], [(ORIENTATION, 8), (F_NUMBER, 4)]))
    assert tags[ORIENTATION] == (1.0,)
    assert tags[F_NUMBER] == (4.0,)


def test_of_repeated_tags_the_first_counts() -> None:
    assert read_tags(nested([(ORIENTATION, 1), (ORIENTATION, 6)], []))[ORIENTATION] == (1.0,)


def test_the_size_of_inflated_text_is_limited() -> None:
    bomb = zlib.compress(b"\nexif\n 9\n" + b"00" * 40_000_000)
    assert len(png_exif(png(chunk(b"zTXt", b"Raw profile type exif\0\0" + bomb)))) <= 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_values_are_those_that_were_written(order: str) -> None:
    tags = read_tags(block(1.8, order))
    assert tags[MAKE] == "Canon"
    assert tags[ORIENTATION] == (6.0,)
    assert tags[F_NUMBER] == pytest.approx((1.8,))
    assert tags[TIME] == "2019:06:02 14:04:49"


@pytest.mark.parametrize("name", ["IMG_0301.DNG", "IMG_0303.DNG"])
def test_values_are_those_of_exifread(name: str) -> None:
    data = (CAPTURES / name).read_bytes()
    tags = read_tags(data)
    found = exifread.process_file(io.BytesIO(data), details=False)
    compared = 0
    for key, tag in found.items():
        if not key.startswith(("Image ", "EXIF ")) or tag.tag not in tags:
            continue
        value = tags[tag.tag]
        if isinstance(value, str):
            assert value.strip() == str(tag.values).strip()
        else:
            assert value == tuple(float(number) for number in tag.values)[: len(value)]
        compared += 1
    assert compared > 20


def rows(*entries: tuple[int, int, int, int], count: int | None = None, end: bytes = bytes(4)) -> bytes:
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries) if count is None else count) + packed + end


def test_an_unreadable_tag_does_not_affect_others() -> None:
    data = rows((ORIENTATION, 3, 1, 8), (0xC000, 12, 1, 5000), (MAKE, 2, 3, 0x4142))
    assert read_tags(data) == {ORIENTATION: (8.0,), MAKE: "BA"}


def test_offsets_beyond_the_block_are_never_followed() -> None:
    exif = rows((MAKE, 2, 3, 0x4142), (F_NUMBER, 5, 1, 200), (EXIF_IFD, 4, 1, 180))
    behind = struct.pack("<II", 18, 10) * 40  # an f-number of 1.8 wherever one looks
    assert read_tags(jpeg_exif(jpeg(app1(exif), segment(0xFE, behind)))[0]) == {
        MAKE: "BA",
        EXIF_IFD: (180.0,),
    }
    assert F_NUMBER in read_tags(exif + behind)


@pytest.mark.parametrize(("count", "end"), [(None, b""), (None, b"\0"), (40, b""), (65535, bytes(4))])
def test_a_truncated_directory_keeps_its_readable_tags(count: int | None, end: bytes) -> None:
    data = rows((ORIENTATION, 3, 1, 8), (MAKE, 2, 3, 0x4142), count=count, end=end)
    assert read_tags(data) == {ORIENTATION: (8.0,), MAKE: "BA"}


def test_directories_that_contain_each_other() -> None:
    assert read_tags(rows((EXIF_IFD, 4, 1, 8), (ORIENTATION, 3, 1, 8)))[ORIENTATION] == (8.0,)


def test_n_over_zero_is_nan() -> None:
    value = read_tags(rows((F_NUMBER, 5, 1, 26)) + struct.pack("<II", 5, 0))[F_NUMBER]
    assert np.isnan(value[0])


def test_two_million_values_take_no_memory() -> None:
    tags = read_tags(rows(*[(tag, 3, 999, 8) for tag in range(1000)]))
    assert max(len(value) for value in tags.values()) == 16


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data: bytes) -> None:
    for header in (b"", b"II*\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0"):
        read_tags(header + data)
    jpeg_exif(b"\xff\xd8" + data)
    png_exif(PNG_SIGNATURE + data)


@given(st.data())
def test_any_mutation_is_read(draw: st.DataObject) -> None:
    data = bytearray(block())
    for place in draw.draw(st.lists(st.integers(0, len(data) - 1), max_size=8)):
        data[place] = draw.draw(st.integers(0, 255))
    try:
        tags = read_tags(bytes(data))
    except Broken:
        pytest.fail("a reader of metadata says nothing about whether a file is whole")
    assert all(isinstance(value, str | tuple) for value in tags.values())
