"""What files say about their colours; Pillow writes them and reads them as well."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from ebb.errors import Broken, Reason
from ebb.formats.color_tags import ColorTags, jpeg_color, png_color, tiff_color
from tests.helpers.icc import ADOBE_RGB, curve, matrix_profile

PROFILE = matrix_profile(ADOBE_RGB, curve(563)) + bytes(100_000)  # two segments of a JPEG


def saved(kind: str, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (16, 16)).save(stream, kind, **options)
    return stream.getvalue()


def with_chunks(*chunks: tuple[bytes, bytes], mode: str = "RGB") -> bytes:
    plain = saved("PNG", mode)
    made = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
    return plain[:33] + made + plain[33:]


def test_profile_of_a_jpeg_in_any_order() -> None:
    data = saved("JPEG", icc_profile=PROFILE)
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == PROFILE
    assert jpeg_color(data) == ColorTags(profile=PROFILE)
    first = data.index(b"\xff\xe2")
    second = data.index(b"\xff\xe2", first + 60_000)
    stop = second + 2 + int.from_bytes(data[second + 2 : second + 4], "big")
    swapped = data[:first] + data[second:stop] + data[first:second] + data[stop:]
    assert jpeg_color(swapped).profile == PROFILE
    with pytest.raises(Broken, match="1 of 2 parts are present") as error:
        jpeg_color(data[:second] + data[stop:])
    assert error.value.reason is Reason.UNSUPPORTED_COLOR


def test_channels_of_a_jpeg() -> None:
    assert jpeg_color(saved("JPEG")) == ColorTags()
    assert jpeg_color(saved("JPEG", "L")) == ColorTags(is_grey=True)
    with pytest.raises(Broken, match="its colours are CMYK; RGB and grey are supported") as error:
        jpeg_color(saved("JPEG", "CMYK"))
    assert error.value.reason is Reason.UNSUPPORTED_COLOR


def test_profile_of_a_png_and_of_a_tiff() -> None:
    assert png_color(saved("PNG", icc_profile=PROFILE)) == ColorTags(profile=PROFILE)
    assert png_color(saved("PNG", "L")) == ColorTags(is_grey=True)
    assert tiff_color(saved("TIFF", icc_profile=PROFILE)) == ColorTags(profile=PROFILE)
    assert tiff_color(saved("TIFF", "L")) == ColorTags(is_grey=True)
    stream = io.BytesIO()
    tifffile.imwrite(
        stream, np.zeros((8, 8, 3), np.uint16), photometric="rgb", iccprofile=PROFILE, bigtiff=True
    )
    assert tiff_color(stream.getvalue()).profile == PROFILE


ICCP = (b"iCCP", b"test\0\0" + zlib.compress(PROFILE))
SRGB, GAMMA = (b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100_000))
CHRM = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))
CICP = (b"cICP", bytes([12, 13, 0, 1]))
WHITE_AND_PRIMARIES = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)


@pytest.mark.parametrize(
    ("chunks", "tags"),
    [
        ((GAMMA, CHRM, SRGB, ICCP, CICP), ColorTags(cicp=(12, 13))),
        ((GAMMA, CHRM, SRGB, ICCP), ColorTags(profile=PROFILE)),
        ((GAMMA, CHRM, SRGB), ColorTags(cicp=(1, 13))),
        ((GAMMA, CHRM), ColorTags(gamma=1.0, chromaticities=WHITE_AND_PRIMARIES)),
        ((GAMMA,), ColorTags(gamma=1.0)),
        ((CHRM,), ColorTags()),
        (((b"gAMA", bytes(4)),), ColorTags()),
        (((b"iCCP", b"test\0\0damaged"),), ColorTags(profile=b"damaged")),
    ],
)
def test_precedence_in_a_png(chunks: tuple[tuple[bytes, bytes], ...], tags: ColorTags) -> None:
    assert png_color(with_chunks(*chunks)) == tags


def test_a_profile_in_text_of_imagemagick() -> None:
    text = b"\nicc\n%8d\n%s\n" % (len(PROFILE), PROFILE.hex().encode())
    chunk = (b"zTXt", b"Raw profile type icc\0\0" + zlib.compress(text))
    assert png_color(with_chunks(chunk)).profile == PROFILE


@pytest.mark.parametrize(
    ("matrix", "full_range", "message"),
    [
        (0, 1, None),
        (2, 1, None),
        (9, 1, "its cICP chunk declares the matrix 9"),
        (0, 0, "its cICP chunk declares values of limited range"),
    ],
)
def test_codes_that_a_decoder_of_png_does_not_convert(
    matrix: int, full_range: int, message: str | None
) -> None:
    data = with_chunks((b"cICP", bytes([12, 13, matrix, full_range])))
    if message is None:
        assert png_color(data).cicp == (12, 13)
        return
    with pytest.raises(Broken, match=message) as error:
        png_color(data)
    assert error.value.reason is Reason.UNSUPPORTED_COLOR


def test_profiles_in_many_texts_take_bounded_time() -> None:
    damaged = (b"zTXt", b"Raw profile type icc\0\0not zlib")
    text = b"\nicc\n%8d\n%s\n" % (len(PROFILE), PROFILE.hex().encode())
    chunk = (b"zTXt", b"Raw profile type icc\0\0" + zlib.compress(text))
    assert png_color(with_chunks(damaged, chunk)).profile == PROFILE
    assert png_color(with_chunks(*[damaged] * 4, chunk)) == ColorTags()
