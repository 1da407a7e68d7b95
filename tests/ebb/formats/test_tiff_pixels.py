"""Every combination of TIFF that is claimed, by other writers; what Pillow or tifffile reads is the truth."""

from __future__ import annotations

import io
import struct
from itertools import product
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from ebb.errors import Broken, Reason
from ebb.formats.tiff_pixels import decode_numbers, decode_tiff
from ebb.photo.decode import decode
from ebb.photo.probe import probe

SIZE = (70, 45)


def noise(channels: int, dtype: type = np.uint8, seed: int = 4) -> NDArray[Any]:
    shape = (SIZE[1], SIZE[0], channels) if channels > 1 else (SIZE[1], SIZE[0])
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def smooth(channels: int, dtype: type = np.uint8) -> NDArray[Any]:
    """Something that runs and differences compress."""
    ramp = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].sum(axis=0)[..., None] * np.arange(1, channels + 1)
    full = (ramp * (np.iinfo(dtype).max / ramp.max())).astype(dtype)
    return full if channels > 1 else full[..., 0]


def written(pixels: NDArray[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    if options.get("planarconfig") == "separate":
        pixels = np.moveaxis(pixels, -1, 0)
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def rgb(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels[..., :3] if pixels.ndim == 3 else np.dstack([pixels] * 3)


COMBINATIONS = list(
    product(
        [np.uint8, np.uint16],
        ["minisblack", "miniswhite", "rgb"],
        ["contig", "separate"],
        [None, "zlib", "lzma"],
        [False, True],
        [{}, {"rowsperstrip": 7}, {"tile": (32, 16)}],
        ["<", ">"],
    )
)


@pytest.mark.parametrize("bigtiff", [False, True])
def test_files_of_tifffile(bigtiff: bool) -> None:
    """240 combinations, without those that do not exist: planes of grey, differences without compression."""
    tried = 0
    for dtype, photometric, planar, compression, predictor, block, order in COMBINATIONS:
        channels = 3 if photometric == "rgb" else 1
        if (planar == "separate" and channels == 1) or (predictor and compression is None):
            continue
        options = {"photometric": photometric, "compression": compression, "predictor": predictor, **block}
        options |= {"byteorder": order, "bigtiff": bigtiff}
        options |= {"planarconfig": planar} if channels > 1 else {}
        pixels = smooth(channels, dtype) if predictor else noise(channels, dtype)
        data = written(pixels, **options)
        expected = rgb(pixels)
        if photometric == "miniswhite":
            expected = np.iinfo(dtype).max - expected
        photo = decode(data, ".tif", 1)
        assert probe(data, ".tif", 120) == SIZE
        assert photo.dtype == dtype, options
        np.testing.assert_array_equal(photo, expected, err_msg=str(options))
        tried += 1
    assert tried == 240


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "packbits", "tiff_adobe_deflate", "tiff_deflate"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16", "LA"])
def test_files_of_pillow(mode: str, compression: str) -> None:
    image = Image.fromarray(noise(3)).convert("RGB")
    if mode == "I;16":
        image = Image.fromarray(noise(1, np.uint16))
    elif mode == "P":
        image = image.quantize(200)
    else:
        image = image.convert(mode)
    stream = io.BytesIO()
    image.save(stream, "TIFF", compression=compression)
    photo = decode(stream.getvalue(), ".tif", 1)
    if mode == "I;16":
        np.testing.assert_array_equal(photo, rgb(np.asarray(image)))
    else:
        expected = image.convert("RGBA").convert("RGB") if mode == "P" else image
        pixels = np.asarray(expected.convert("L" if mode in ("1", "LA") else "RGB"))
        np.testing.assert_array_equal(photo, rgb(pixels))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("compression", [1, 5, 8, 32773, 32946])
@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("rows", [1, 8, 1000])
def test_files_of_libtiff(dtype: type, compression: int, predictor: int, rows: int) -> None:
    pixels = noise(3, dtype)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    options += [cv2.IMWRITE_TIFF_ROWSPERSTRIP, rows]
    done, data = cv2.imencode(".tif", pixels[..., ::-1].copy(), options)
    assert done
    np.testing.assert_array_equal(decode(data.tobytes(), ".tif", 1), pixels)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_inside(mode: str) -> None:
    image = Image.fromarray(cv2.resize(smooth(3), (128, 96))).convert(mode)
    stream = io.BytesIO()
    image.save(stream, "TIFF", compression="jpeg", quality=95)
    with Image.open(io.BytesIO(stream.getvalue())) as stored:
        expected = rgb(np.asarray(stored)).astype(int)
    photo = decode(stream.getvalue(), ".tif", 1).astype(int)
    by_opencv = cv2.imdecode(np.frombuffer(stream.getvalue(), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.abs(photo - by_opencv).max() <= 4
    np.testing.assert_array_equal(photo, expected)
    assert probe(stream.getvalue(), ".tif", 120) == (128, 96)


def test_jpeg_inside_is_not_rotated_twice() -> None:
    stream, image = io.BytesIO(), Image.fromarray(cv2.resize(smooth(3), (128, 96)))
    image.save(stream, "TIFF", compression="jpeg", quality=95, tiffinfo={274: 6})
    upright, stored = (decode(stream.getvalue(), ".tif", orientation) for orientation in (6, 1))
    assert stored.shape == (96, 128, 3)
    np.testing.assert_array_equal(upright, np.rot90(stored, -1))


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    b"</rdf:RDF></x:xmpmeta>"
)
SIX = {kind: struct.pack("<HHII", 274, kind, 1, 6) for kind in (1, 3, 4, 6, 8, 9)}
SIX |= {11: struct.pack("<HHIf", 274, 11, 1, 6.0), 33: struct.pack("<HHIHH", 274, 3, 2, 6, 6)}


@pytest.mark.parametrize("compression", ["jpeg", "tiff_lzw"])
@pytest.mark.parametrize("kind", SIX)
def test_no_orientation_tag_turns_the_pixels(kind: int, compression: str) -> None:
    """Pillow turned JPEG by a tag of any type."""
    stream, image = io.BytesIO(), Image.fromarray(cv2.resize(smooth(3), (128, 96)))
    image.save(stream, "TIFF", compression=compression, tiffinfo={274: 1})
    data = stream.getvalue()
    tag = data.index(struct.pack("<HHI", 274, 3, 1))
    turned = data[:tag] + SIX[kind] + data[tag + 12 :]
    np.testing.assert_array_equal(decode_tiff(turned), decode_tiff(data))


def test_xmp_does_not_turn_the_pixels() -> None:
    """Pillow turned JPEG by its XMP."""
    image = Image.fromarray(cv2.resize(smooth(3), (128, 96)))
    found = []
    for tags in ({}, {700: XMP}):
        image.save(stream := io.BytesIO(), "TIFF", compression="jpeg", tiffinfo=tags)
        found.append(decode_tiff(stream.getvalue()))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("photometric", [0, 1])
def test_jpeg_inside_whose_white_is_zero(photometric: int) -> None:
    image = Image.fromarray(cv2.resize(smooth(1), (128, 96)))
    image.save(stream := io.BytesIO(), "TIFF", compression="jpeg", quality=100)
    data, tag = stream.getvalue(), struct.pack("<HHI", 262, 3, 1)
    at = data.index(tag) + 8
    photo = decode_tiff(data[:at] + struct.pack("<I", photometric) + data[at + 4 :])
    expected = np.asarray(image) if photometric else 255 - np.asarray(image)
    assert np.abs(photo[..., 0].astype(int) - expected).max() <= 2


def test_the_photo_behind_its_thumbnail() -> None:
    """The thumbnail was read as the photo."""
    pixels = noise(3)
    with tifffile.TiffWriter(stream := io.BytesIO()) as file:
        file.write(pixels[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)
        file.write(pixels, photometric="rgb", metadata=None)
    data = stream.getvalue()
    assert probe(data, ".tif", 120) == SIZE
    np.testing.assert_array_equal(decode(data, ".tif", 1), pixels)


def test_numbers_are_not_turned_inverted_or_scaled() -> None:
    values = noise(1, np.uint16)
    for tag in (2, 3, 6):
        data = written(values, photometric="minisblack", extratags=[(274, 3, 1, tag, True)])
        np.testing.assert_array_equal(decode_numbers(data), values)
    colors = noise(3, np.uint16)
    np.testing.assert_array_equal(decode_numbers(written(colors, photometric="rgb")), colors)


def test_numbers_in_a_jpeg() -> None:
    for mode in ("L", "RGB"):
        image = Image.fromarray(cv2.resize(smooth(3), (128, 96))).convert(mode)
        image.save(stream := io.BytesIO(), "TIFF", compression="jpeg", quality=100)
        numbers = decode_numbers(stream.getvalue())
        assert numbers.shape == np.asarray(image).shape
        assert np.abs(numbers.astype(int) - np.asarray(image)).max() <= 6


def test_a_truncated_jpeg_inside_is_damage() -> None:
    stream, image = io.BytesIO(), Image.fromarray(noise(3))
    image.save(stream, "TIFF", compression="jpeg", quality=95)
    data = stream.getvalue()
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        end = page.dataoffsets[0] + page.databytecounts[0] - 2
    assert data[end : end + 2] == b"\xff\xd9"
    with pytest.raises(Broken, match="a strip or tile is a truncated JPEG"):
        decode_tiff(data[:end] + b"\0\0" + data[end + 2 :])


def packed(values: NDArray[Any], bits: int, **tags: int) -> bytes:
    """An uncompressed TIFF with so many bits per sample, each row beginning with a byte."""
    flat = values.reshape(len(values), -1)
    places = (flat[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    rows = np.packbits(places.reshape(len(flat), -1).astype(np.uint8), axis=1)
    channels = values.shape[2] if values.ndim == 3 else 1
    numbers = {
        256: values.shape[1],
        257: values.shape[0],
        258: bits,
        259: 1,
        262: 1 if channels == 1 else 2,
        273: 0,
        277: channels,
        278: len(values),
        279: rows.size,
        **{int(tag[1:]): value for tag, value in tags.items()},
    }
    start = 8 + 2 + 12 * len(numbers) + 4
    numbers[273] = start
    table = b"".join(struct.pack("<HHII", tag, 4, 1, numbers[tag]) for tag in sorted(numbers))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(numbers)) + table + bytes(4) + rows.tobytes()


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_are_read_as_by_pillow(bits: int, photometric: int) -> None:
    values = noise(1) >> (8 - bits)
    data = packed(values, bits, t262=photometric)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image.convert("L"))
    np.testing.assert_array_equal(decode(data, ".tif", 1), rgb(expected))


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("channels", [1, 3])
def test_bits_between_8_and_16_fill_16(bits: int, channels: int) -> None:
    values = noise(channels, np.uint16) >> (16 - bits)
    values[0, 0], values[-1, -1] = 0, (1 << bits) - 1
    photo = decode(packed(values, bits), ".tif", 1)
    assert photo.dtype == np.uint16
    expected = rgb(values).astype(np.float64) * 65535 / ((1 << bits) - 1)
    assert np.abs(photo - expected).max() <= 1
    assert photo[0, 0].tolist() == [0, 0, 0]
    assert photo[-1, -1].tolist() == [65535] * 3


def test_bytes_with_the_first_pixel_in_the_lowest_bit() -> None:
    values = noise(1) >> 7
    data = packed(values, 1)
    reversed_data = packed(values, 1, t266=2)
    pixels = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data[-45 * 9 :])
    np.testing.assert_array_equal(
        decode(reversed_data[: -45 * 9] + pixels, ".tif", 1), decode(data, ".tif", 1)
    )


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_palettes(bits: int) -> None:
    colors = np.random.default_rng(1).integers(0, 256, (3, 1 << bits), dtype=np.uint8)
    values = noise(1) >> (8 - bits)
    stream = io.BytesIO()
    if bits == 8:
        tifffile.imwrite(stream, values, photometric="palette", colormap=colors.astype(np.uint16) * 257)
        data = stream.getvalue()
    else:
        data = packed(values, bits, t262=3, t320=0)
        at = data.index(struct.pack("<HHI", 320, 4, 1))
        data = data[:at] + struct.pack("<HHII", 320, 3, 3 << bits, len(data)) + data[at + 12 :]
        data += (colors.astype("<u2") * 257).tobytes()
    np.testing.assert_array_equal(decode(data, ".tif", 1), colors.T[values])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha", "unspecified"])
def test_alpha_is_dropped_if_that_changes_nothing(dtype: type, planar: str, kind: str) -> None:
    pixels = noise(4, dtype)
    options = {"photometric": "rgb", "extrasamples": [kind], "planarconfig": planar}
    if kind == "assocalpha":
        with pytest.raises(Broken, match="colours multiplied by an alpha channel") as error:
            decode(written(pixels, **options), ".tif", 1)
        assert error.value.reason is Reason.UNSUPPORTED_PIXELS
        pixels[..., 3] = np.iinfo(dtype).max
    np.testing.assert_array_equal(decode(written(pixels, **options), ".tif", 1), pixels[..., :3])


PLAIN = packed(noise(1), 8)
REFUSED = {
    "floating point pixels of 32 bits": written(np.ones((8, 8, 3), np.float32), photometric="rgb"),
    "signed pixels of 16 bits": written(np.ones((8, 8), np.int16), photometric="minisblack"),
    "32 bits per sample": written(np.ones((8, 8), np.uint32), photometric="minisblack"),
    "3 bits per sample": packed(noise(1) >> 5, 3),
    "compression 6 (old-style JPEG)": packed(noise(1), 8, t259=6),
    "compression 4 (CCITT fax 4)": packed(noise(1) >> 7, 1, t259=4),
    "compression 50000 (Zstandard)": packed(noise(1), 8, t259=50000),
    "compression 34712 (JPEG 2000)": packed(noise(1), 8, t259=34712),
    "compression 7777 (unknown)": packed(noise(1), 8, t259=7777),
    "predictor 3 with 8 bits": packed(noise(1), 8, t317=3),
    "predictor 2 with 4 bits": packed(noise(1) >> 4, 4, t317=2),
    "photometric interpretation 4": packed(noise(1), 8, t262=4),
    "sensor data, as of a DNG,": packed(noise(1), 8, t262=32803),
    "YCbCr without JPEG": packed(noise(3), 8, t262=6),
    "JPEG of 3 samples of 8 bits, in planes": packed(noise(3), 8, t259=7, t284=2),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_supported_is_named_at_ingest(what: str) -> None:
    for read in (lambda data: probe(data, ".tif", 120), lambda data: decode(data, ".tif", 1)):
        with pytest.raises(Broken) as error:
            read(REFUSED[what])
        assert error.value.message == f"a TIFF with {what} is not supported"
        assert error.value.reason is Reason.UNSUPPORTED_PIXELS


@pytest.mark.parametrize(("code", "name"), [(5, "CMYK"), (8, "CIE L*a*b*")])
def test_other_colour_spaces_are_refused(code: int, name: str) -> None:
    with pytest.raises(Broken) as error:
        probe(packed(noise(4), 8, t262=code), ".tif", 120)
    assert error.value.reason is Reason.UNSUPPORTED_COLOR
    assert error.value.message == f"its colours are {name}; RGB and grey are supported"


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_a_strip_that_ends_too_soon_is_damage(compression: int) -> None:
    """No pixel is uninitialised memory."""
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 1000]
    data = cv2.imencode(".tif", noise(3), options)[1].tobytes()
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tag = file.pages[0].tags[279]
        at, length = tag.offset + 8, tag.value[0]
    short = data[:at] + struct.pack("<I", length * 2 // 3) + data[at + 4 :]
    with pytest.raises(Broken, match="is damaged: a strip or tile") as error:
        decode_tiff(short)
    assert error.value.reason is Reason.CORRUPT_INPUT


@pytest.mark.parametrize("compression", ["zlib", "lzma"])
def test_a_damaged_strip(compression: str) -> None:
    data = bytearray(written(noise(3), photometric="rgb", compression=compression))
    data[-2000:-1000] = bytes(1000)
    with pytest.raises(Broken, match="is damaged: a strip or tile"):
        decode_tiff(bytes(data))


def test_missing_strips_and_odd_tiles() -> None:
    with pytest.raises(Broken, match="has 1 of 45 strips or tiles"):
        decode_tiff(packed(noise(1), 8, t278=1))
    with pytest.raises(Broken, match="claims tiles of 0 x 16 pixels"):
        decode_tiff(packed(noise(1), 8, t322=0, t323=16))
    with pytest.raises(Broken, match="claims tiles of 4000000000 x 16 pixels"):
        decode_tiff(packed(noise(1), 8, t322=4_000_000_000, t323=16))
    with pytest.raises(Broken, match="claims 400 samples per pixel"):
        decode_tiff(packed(noise(1), 8, t277=400))
    with pytest.raises(Broken, match="has a palette of 0 colours"):
        decode_tiff(packed(noise(1), 8, t262=3))


@pytest.mark.parametrize("base", ["zlib", "lzma", None])
@given(st.data())
def test_mutations_give_pixels_or_a_reason(base: str | None, draw: st.DataObject) -> None:
    data = bytearray(written(noise(3)[:8, :8], photometric="rgb", compression=base))
    for place in draw.draw(st.lists(st.integers(0, len(data) - 1), max_size=6)):
        data[place] = draw.draw(st.integers(0, 255))
    try:
        probe(bytes(data), ".tif", 1)
        photo = decode_tiff(bytes(data))
    except Broken:
        return
    assert photo.dtype in (np.uint8, np.uint16)
