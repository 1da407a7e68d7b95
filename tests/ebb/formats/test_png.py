from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from ebb.arrays import Size
from ebb.errors import InvalidInput
from ebb.formats.png import decode_png, encode_grey16, encode_png, png_header
from ebb.settings import MAX_PIXELS
from tests.helpers.file_parts import png_chunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGES = hnp.arrays(
    np.uint8,
    st.one_of(
        st.tuples(st.integers(1, 40), st.integers(1, 40)),
        st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)),
    ),
)


def png_claiming(width: int, height: int) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")


def pillow_png(image: Image.Image, **options: object) -> bytes:
    sink = io.BytesIO()
    image.save(sink, "PNG", **options)
    return sink.getvalue()


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    y, x = np.mgrid[0:64, 0:96]
    return np.stack([x * 2, y * 3, x + y], axis=2).astype(np.uint8)


@settings(deadline=None, max_examples=40)
@given(IMAGES)
def test_pixels_round_trip(image: NDArray[np.uint8]) -> None:
    decoded = decode_png(encode_png(image))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, image)


@settings(deadline=None, max_examples=20)
@given(IMAGES)
def test_pillow_reads_the_same_pixels(image: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encode_png(image)))), image)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pillow_files_decode(photo: NDArray[np.uint8], mode: str) -> None:
    image = Image.fromarray(photo).convert(mode)
    np.testing.assert_array_equal(decode_png(pillow_png(image)), np.asarray(image))


def test_channels_keep_their_order() -> None:
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 255
    assert Image.open(io.BytesIO(encode_png(red))).getpixel((0, 0)) == (255, 0, 0)


def test_same_pixels_give_the_same_bytes(photo: NDArray[np.uint8]) -> None:
    wider = np.concatenate([photo, photo], axis=1)
    assert encode_png(wider[:, :96]) == encode_png(photo)  # a view with other strides


def test_files_contain_pixels_only(photo: NDArray[np.uint8]) -> None:
    data, kinds, start = encode_png(photo), [], 8
    while start < len(data):
        kinds.append(data[start + 4 : start + 8])
        start += 12 + int.from_bytes(data[start : start + 4], "big")
    assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}


def test_header_is_read_without_pixels(photo: NDArray[np.uint8]) -> None:
    assert png_header(encode_png(photo)) == (Size(96, 64), 3, 8)
    assert png_header(encode_png(photo[..., 0])[:33]) == (Size(96, 64), 1, 8)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_arrays_that_are_not_photos_are_refused(image: NDArray[np.uint8]) -> None:
    with pytest.raises(InvalidInput, match="cannot store an array of shape"):
        encode_png(image)


@pytest.mark.parametrize("data", [b"", b"not a png", b"\xff\xd8\xff\xe0" + bytes(60)])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="not a PNG"):
        decode_png(data)


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "I;16", "1"])
def test_other_kinds_of_png_are_refused(mode: str) -> None:
    with pytest.raises(InvalidInput, match="neither 8-bit RGB nor 8-bit grey"):
        decode_png(pillow_png(Image.new(mode, (4, 4))))


def test_transparent_colour_and_orientation_tags_change_no_pixel(photo: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    tagged = pillow_png(Image.fromarray(photo), transparency=(0, 0, 0), exif=exif)
    np.testing.assert_array_equal(decode_png(tagged), photo)


@pytest.mark.parametrize(("width", "height"), [(0, 5), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_bombs_are_refused_by_their_header(width: int, height: int) -> None:
    assert width * height == 0 or width * height > MAX_PIXELS
    with pytest.raises(InvalidInput, match=f"claims {width}x{height} pixels"):
        decode_png(png_claiming(width, height))


def test_every_truncation_is_found(photo: NDArray[np.uint8]) -> None:
    data = encode_png(photo)
    for length in range(0, len(data), 97):
        with pytest.raises(InvalidInput, match=r"is truncated|not a PNG"):
            decode_png(data[:length])


def test_every_flipped_bit_is_found(photo: NDArray[np.uint8]) -> None:
    data = encode_png(photo)
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(data), 300):
        broken = bytearray(data)
        broken[position] ^= 1 << int(rng.integers(8))
        with pytest.raises(InvalidInput):
            decode_png(bytes(broken))


def test_trailing_bytes_are_refused(photo: NDArray[np.uint8]) -> None:
    for rest in (b"rest", png_chunk(b"IDAT", b"")):
        with pytest.raises(InvalidInput, match="after its end"):
            decode_png(encode_png(photo) + rest)


def test_pillow_reads_16_bit_grey() -> None:
    values = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    image = Image.open(io.BytesIO(encode_grey16(values)))
    assert image.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(image), values)


def test_correct_checksums_over_too_few_pixels_are_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidInput, match="its pixels cannot be decoded"):
        decode_png(png_claiming(4, 4))
    capfd.readouterr()


def test_metadata_as_pillow_reads_it() -> None:
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    data = encode_png(image, exif=exif.tobytes(), icc_profile=b"profile" * 99)
    found = Image.open(io.BytesIO(data))
    assert found.getexif()[0x010F] == "Canon"
    assert found.info["icc_profile"] == b"profile" * 99
    assert np.array_equal(decode_png(data), image)
    assert encode_png(image) == encode_png(image, exif=b"", icc_profile=b"")
