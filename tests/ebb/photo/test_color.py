"""Colours of every kind of file as sRGB, against LittleCMS."""

from __future__ import annotations

import io
import struct
import zlib
from itertools import product

import numpy as np
import pillow_heif
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from ebb.errors import Broken, Reason
from ebb.photo.color import Conversion, TableConversion, check_color, kept_profile, srgb_conversion
from ebb.photo.decode import decode
from tests.helpers.icc import (
    ADOBE_RGB,
    DISPLAY_P3,
    PROPHOTO,
    SRGB,
    SRGB_CURVE,
    curve,
    grey_profile,
    matrix_profile,
    parametric,
    table_profile,
)

SRGB_TABLE = np.rint(
    65535
    * np.interp(
        np.linspace(0, 1, 1024),
        np.arange(256) / 255,
        [(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in np.arange(256) / 255],
    )
).astype(int)
PROFILES = {
    "Adobe RGB, version 2": matrix_profile(ADOBE_RGB, curve(563), major=2),
    "Adobe RGB, version 4": matrix_profile(ADOBE_RGB, curve(563)),
    "Display P3": matrix_profile(DISPLAY_P3, SRGB_CURVE),
    "ProPhoto RGB": matrix_profile(PROPHOTO, parametric(3, 1.8, 1.0, 0.0, 1 / 16, 1 / 32)),
    "linear sRGB": matrix_profile(SRGB, curve()),
    "a table": table_profile(DISPLAY_P3),
}


def colours() -> NDArray[np.uint8]:
    """6 x 6 x 6 colours, blocks of 8 pixels, so that JPEG keeps them."""
    levels = np.array(list(product((0, 51, 102, 153, 204, 255), repeat=3)), np.uint8)
    return levels.reshape(12, 18, 3).repeat(16, axis=0).repeat(16, axis=1)


def by_littlecms(pixels: NDArray[np.uint8], profile: bytes) -> NDArray[np.int_]:
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    image = Image.fromarray(pixels)
    done = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    return np.asarray(done).astype(int)


def saved(pixels: NDArray[np.uint8], kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    extra = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    Image.fromarray(pixels).save(stream, kind, **{**extra, **options})
    return stream.getvalue()


def levels(photo: NDArray[np.generic]) -> NDArray[np.float64]:
    return photo.astype(np.float64) / (257 if photo.dtype == np.uint16 else 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("name", PROFILES)
def test_profiles_are_applied_as_by_littlecms(name: str, kind: str) -> None:
    data, suffix = saved(colours(), kind, icc_profile=PROFILES[name]), f".{kind.lower()}"
    stored = np.asarray(Image.open(io.BytesIO(data)))
    expected = by_littlecms(stored, PROFILES[name])
    assert np.abs(expected - stored.astype(int)).max() > 20
    photo = decode(data, suffix, 1)
    difference = np.abs(levels(photo) - expected)
    assert difference.max() <= (3 if kind == "JPEG" else 0.8)  # OpenCV and Pillow decode JPEG apart by 1
    assert difference.mean() < 0.4
    assert photo.dtype == (np.uint8 if name == "a table" else np.uint16)


def test_sixteen_bits_stay_sixteen() -> None:
    ramp = np.linspace(0, 65535, 4000).astype(np.uint16).reshape(40, 100)
    stream = io.BytesIO()
    tifffile.imwrite(
        stream, np.dstack([ramp] * 3), photometric="rgb", iccprofile=PROFILES["Adobe RGB, version 4"]
    )
    photo = decode(stream.getvalue(), ".tif", 1)
    light = (ramp / 65535) ** (563 / 256)
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 65535
    assert np.abs(photo - expected[..., None]).max() < 20
    assert len(np.unique(photo)) > 3000


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        matrix_profile(SRGB, SRGB_CURVE),
        matrix_profile(SRGB, SRGB_CURVE, major=2),
        matrix_profile(SRGB, curve(*SRGB_TABLE), major=2),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ],
)
def test_srgb_is_unchanged(profile: bytes) -> None:
    data = saved(colours(), "PNG", icc_profile=profile or None)
    assert srgb_conversion(data, ".png") is None
    np.testing.assert_array_equal(decode(data, ".png", 1), colours())
    assert kept_profile(data, ".png") == profile


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_space_reserved_for_a_profile_is_ignored(kind: str) -> None:
    """Some programs write a profile of zero bytes; others read it as no profile."""
    data = saved(colours(), kind, icc_profile=bytes(5000))
    assert srgb_conversion(data, f".{kind.lower()}") is None


def test_a_converted_photo_keeps_no_profile() -> None:
    assert kept_profile(saved(colours(), "PNG", icc_profile=PROFILES["Display P3"]), ".png") == b""


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("profile", [grey_profile(curve(461)), grey_profile(curve(461), pcs=b"Lab ")])
def test_grey(kind: str, profile: bytes) -> None:
    ramp = np.arange(256, dtype=np.uint8).repeat(16).reshape(16, 256)
    ramp = np.sort(ramp.ravel()).reshape(16, 256)
    data = saved(ramp, kind, icc_profile=profile)
    stored = np.asarray(Image.open(io.BytesIO(data)))
    photo = levels(decode(data, f".{kind.lower()}", 1))
    difference = np.abs(photo - by_littlecms(stored, profile))  # LittleCMS goes through 8 bits of lightness
    assert difference.max() <= 2
    assert difference.mean() < 0.5
    assert np.ptp(photo, axis=2).max() == 0


def test_grey_with_a_profile_for_rgb_stays_grey() -> None:
    ramp = np.arange(256, dtype=np.uint8).repeat(4).reshape(16, 64)
    photo = levels(decode(saved(ramp, "PNG", icc_profile=PROFILES["Adobe RGB, version 2"]), ".png", 1))
    assert np.ptp(photo, axis=2).max() < 0.1


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (b"no profile at all", "its colour profile cannot be used: it has no header"),
        (
            table_profile(SRGB, space=b"CMYK", channels=4),
            "its colour profile is for CMYK, its pixels are RGB",
        ),
        (grey_profile(curve()), "its colour profile is for GRAY, its pixels are RGB"),
        (table_profile(SRGB)[:-200], "its colour profile cannot be used: LittleCMS says"),
    ],
)
def test_unsupported_profiles_are_refused_with_a_reason(profile: bytes, message: str) -> None:
    data = saved(colours(), "PNG", icc_profile=profile)
    for read in (decode, lambda data, suffix, _: check_color(data, suffix)):
        with pytest.raises(Broken, match=message) as error:
            read(data, ".png", 1)
        assert error.value.reason is Reason.UNSUPPORTED_COLOR


def test_cmyk_is_refused() -> None:
    stream = io.BytesIO()
    Image.new("CMYK", (16, 16)).save(stream, "JPEG")
    with pytest.raises(Broken, match="CMYK") as error:
        check_color(stream.getvalue(), ".jpg")
    assert error.value.reason is Reason.UNSUPPORTED_COLOR


def with_chunk(name: bytes, content: bytes) -> bytes:
    plain = saved(colours(), "PNG")
    chunk = struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return plain[:33] + chunk + plain[33:]


def test_codes_of_a_png() -> None:
    photo = levels(decode(with_chunk(b"cICP", bytes([12, 13, 0, 1])), ".png", 1))
    assert np.abs(photo - by_littlecms(colours(), PROFILES["Display P3"])).max() < 1
    assert srgb_conversion(with_chunk(b"cICP", bytes([1, 13, 0, 1])), ".png") is None
    for code, name in ((16, "PQ"), (18, "HLG")):
        with pytest.raises(Broken, match=f"it is HDR \\({name}\\), which sRGB cannot hold"):
            check_color(with_chunk(b"cICP", bytes([9, code, 0, 1])), ".png")
    with pytest.raises(Broken, match="colours of the codes 77 and 13"):
        check_color(with_chunk(b"cICP", bytes([77, 13, 0, 1])), ".png")


def test_gamma_of_a_png() -> None:
    linear = decode(with_chunk(b"gAMA", struct.pack(">I", 100_000)), ".png", 1)
    assert np.abs(levels(linear) - by_littlecms(colours(), PROFILES["linear sRGB"])).max() < 1
    assert srgb_conversion(with_chunk(b"gAMA", struct.pack(">I", 45_455)), ".png") is None


@pytest.mark.parametrize("number", [1, 1000, 4_000_000, 4_294_967_295])
def test_an_implausible_gamma_is_refused(number: int) -> None:
    """The photo became almost white or black."""
    data = with_chunk(b"gAMA", struct.pack(">I", number))
    with pytest.raises(Broken, match="its colour gamma is implausible") as error:
        srgb_conversion(data, ".png")
    assert error.value.reason is Reason.UNSUPPORTED_COLOR


@pytest.mark.parametrize("codes", [(1,), (65535,), (65535, 0), (0, 0)])
def test_an_implausible_curve_of_a_profile_is_refused(codes: tuple[int, ...]) -> None:
    data = saved(colours(), "PNG", icc_profile=matrix_profile(ADOBE_RGB, curve(*codes)))
    with pytest.raises(Broken, match="its colour profile is implausible"):
        srgb_conversion(data, ".png")


def test_chromaticities_of_a_png() -> None:
    numbers = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
    data = with_chunk(b"cHRM", struct.pack(">8I", *numbers))
    gamma = b"gAMA" + struct.pack(">I", round(100_000 / (563 / 256)))
    data = data[:33] + struct.pack(">I", 4) + gamma + struct.pack(">I", zlib.crc32(gamma)) + data[33:]
    conversion = srgb_conversion(data, ".png")
    assert isinstance(conversion, Conversion)
    broken = with_chunk(b"cHRM", bytes(32))
    broken = broken[:33] + struct.pack(">I", 4) + gamma + struct.pack(">I", zlib.crc32(gamma)) + broken[33:]
    with pytest.raises(Broken, match="are degenerate"):
        check_color(broken, ".png")


def heic(profile: bytes | None = None, **codes: int) -> bytes:
    file = pillow_heif.from_pillow(Image.fromarray(colours()))
    file[0].info["icc_profile"] = profile
    stream = io.BytesIO()
    file.save(stream, quality=-1, chroma="444", matrix_coefficients=0, **codes)
    return stream.getvalue()


def test_colour_of_a_heic() -> None:
    expected = by_littlecms(colours(), PROFILES["Display P3"])
    by_codes = decode(heic(color_primaries=12, transfer_characteristics=13), ".heic", 1)
    by_profile = decode(heic(PROFILES["Display P3"]), ".heic", 1)
    for photo in (by_codes, by_profile):
        assert np.abs(levels(photo) - expected).max() < 1
    assert srgb_conversion(heic(), ".heic") is None
    with pytest.raises(Broken, match=r"it is HDR \(PQ\)") as error:
        check_color(heic(color_primaries=9, transfer_characteristics=16), ".heic")
    assert error.value.reason is Reason.UNSUPPORTED_COLOR


def with_exif(space: int | None, index: str | None) -> bytes:
    exif = Image.Exif()
    details = exif.get_ifd(0x8769)
    if space is not None:
        details[0xA001] = space
    if index is not None:
        details[0xA005] = {1: index}
    return saved(colours(), "JPEG", exif=exif)


@pytest.mark.parametrize(
    ("space", "index", "is_adobe"),
    [
        (65535, "R03", True),
        (None, "R03", True),
        (2, None, True),
        (1, "R98", False),
        (1, "R03", False),
        (65535, "R98", False),
        (65535, None, False),
        (None, None, False),
    ],
)
def test_adobe_rgb_in_exif(space: int | None, index: str | None, is_adobe: bool) -> None:
    data = with_exif(space, index)
    conversion = srgb_conversion(data, ".jpg")
    assert (conversion is not None) == is_adobe
    if conversion is not None:
        stored = np.asarray(Image.open(io.BytesIO(data)))
        expected = by_littlecms(stored, PROFILES["Adobe RGB, version 2"])
        assert np.abs(levels(decode(data, ".jpg", 1)) - expected).max() <= 3


def test_a_profile_takes_precedence_over_exif() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 2
    data = saved(colours(), "JPEG", exif=exif, icc_profile=matrix_profile(SRGB, SRGB_CURVE))
    assert srgb_conversion(data, ".jpg") is None


def test_bit_depth_is_kept_on_request() -> None:
    data = saved(colours(), "PNG", icc_profile=PROFILES["Display P3"])
    photo = decode(data, ".png", 1, keep_depth=True)
    assert photo.dtype == np.uint8
    assert np.abs(photo - by_littlecms(colours(), PROFILES["Display P3"])).max() <= 1


def test_a_table_is_one_transform_of_eight_bits() -> None:
    conversion = srgb_conversion(saved(colours(), "PNG", icc_profile=PROFILES["a table"]), ".png")
    assert isinstance(conversion, TableConversion)
    deep = colours().astype(np.uint16) * 257
    np.testing.assert_array_equal(conversion.apply(deep), conversion.apply(colours()))
