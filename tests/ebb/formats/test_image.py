"""Images of any bit depth against what Pillow and tifffile wrote."""

import io
import struct

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ebb.arrays import Size
from ebb.formats.image import decode_image, image_size, max_image_bytes
from tests.helpers.file_parts import png_bomb, tiff_of


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tiffs_keep_their_type(dtype: type) -> None:
    values = np.arange(35).reshape(5, 7).astype(dtype)
    tifffile.imwrite(stream := io.BytesIO(), values)
    found = decode_image(stream.getvalue())
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, values)


def test_channels_come_in_the_order_of_opencv() -> None:
    found = decode_image(saved(Image.new("RGB", (3, 2), (10, 20, 30)), "PNG"))
    assert found.shape == (2, 3, 3)
    assert found[0, 0].tolist() == [30, 20, 10]


def test_orientation_tags_are_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_image(saved(Image.new("L", (6, 4)), "JPEG", exif=exif)).shape == (4, 6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16])
@pytest.mark.parametrize("channels", [3, 4])
def test_tiffs_with_channels(dtype: type, channels: int) -> None:
    values = np.arange(5 * 7 * channels).reshape(5, 7, channels).astype(dtype)
    extra = {"extrasamples": [2]} if channels == 4 else {}
    tifffile.imwrite(stream := io.BytesIO(), values, photometric="rgb", **extra)
    found = decode_image(stream.getvalue())
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, values[..., [2, 1, 0, 3][:channels]])


def test_tiffs_that_are_no_images_of_numbers() -> None:
    with pytest.raises(ValueError, match="it holds 2 numbers a pixel"):
        decode_image(tiff_of([bytes(8)], 2, 2, t277=2))
    with pytest.raises(ValueError, match="a TIFF with a palette is not supported"):
        decode_image(tiff_of([bytes(4)], 2, 2, t262=3))
    with pytest.raises(ValueError, match="it has 1 of 2 strips or tiles"):
        decode_image(tiff_of([bytes(4)], 2, 2, t278=1))
    with pytest.raises(ValueError, match="a TIFF; expected a PNG or JPEG"):
        decode_image(tiff_of([bytes(4)], 2, 2), flags=0)


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_what_cannot_be_decoded(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not an image of a known format|is truncated"):
        decode_image(data)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_a_truncated_file_is_refused(kind: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    data = saved(Image.fromarray(pixels), kind)
    with pytest.raises(ValueError, match="truncated"):
        decode_image(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("JPEG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}),
    ],
)
def test_sizes_from_headers(kind: str, options: dict[str, object]) -> None:
    data = saved(Image.new("RGB", (301, 203), (9, 8, 7)), kind, **options)
    assert image_size(data) == Size(301, 203)
    assert decode_image(data).shape == (203, 301, 3)


def tiff_claiming(columns: int, rows: int, **tags: int) -> bytes:
    """A TIFF of 4 x 4 pixels whose tags say otherwise."""
    stream = io.BytesIO()
    tile = {"tile": (16, 16)} if "tile" in tags else {}
    tifffile.imwrite(stream, np.zeros((4, 4), np.uint8), **tile)
    data = bytearray(stream.getvalue())
    claims = {256: columns, 257: rows, 277: tags.get("samples", 1)} | (
        {322: tags["tile"], 323: tags["tile"]} if tile else {}
    )
    start = struct.unpack_from("<I", data, 4)[0]
    for number in range(struct.unpack_from("<H", data, start)[0]):
        entry = start + 2 + 12 * number
        tag, kind = struct.unpack_from("<HH", data, entry)
        if tag in claims:
            struct.pack_into("<H" if kind == 3 else "<I", data, entry + 8, claims[tag])
    return bytes(data)


def jpeg_claiming(side: int) -> bytes:
    data = saved(Image.new("L", (8, 8)), "JPEG")
    frame = data.index(b"\xff\xc0") + 5
    return data[:frame] + struct.pack(">HH", side, side) + data[frame + 4 :]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (png_bomb(), "claims 30000 x 30000 = 900 megapixels, more than 120"),
        (jpeg_claiming(65500), "claims 65500 x 65500 = 4290 megapixels, more than 120"),
        (tiff_claiming(40000, 40000), "claims 40000 x 40000 = 1600 megapixels, more than 120"),
        (tiff_claiming(4, 4, tile=65520), "claims tiles of 65520 x 65520 pixels"),
        (tiff_claiming(4, 4, samples=9), "claims 72 bits per pixel"),
        (tiff_claiming(0, 4), "claims 0 x 4 pixels"),
    ],
)
def test_claims_are_refused_before_decoding(
    data: bytes, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ValueError, match=message):
        decode_image(data)


def test_any_image_of_64_bits_per_pixel_fits_its_limit() -> None:
    assert max_image_bytes(1_000_000) > 8 * 1_000_000 * 1.01
    assert max_image_bytes(0) > 1e8


def test_a_lower_limit() -> None:
    data = saved(Image.new("L", (6, 4)), "PNG")
    assert decode_image(data, max_pixels=24).shape == (4, 6)
    with pytest.raises(ValueError, match="claims 6 x 4 = 0 megapixels"):
        decode_image(data, max_pixels=23)


def test_damage_of_a_jpeg_that_opencv_covers_up() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), "JPEG", quality=90)
    assert decode_image(data).shape == (60, 90, 3)
    with pytest.raises(ValueError, match="it is damaged: its compressed pixels"):
        decode_image(data[: len(data) // 2] + b"\xff\xd9")


@pytest.mark.parametrize(("flags", "shape"), [(None, (4, 6)), (1, (6, 4, 3)), (129, (4, 6, 3))])
def test_texts_of_a_png_are_dropped_and_its_orientation_kept(
    flags: int | None, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    notes = PngInfo()
    notes.add_text("a text", "x" * 1000, zip=True)
    data = saved(Image.new("L", (6, 4)), "PNG", exif=exif, pnginfo=notes)
    seen: list[bytes] = []
    decode = cv2.imdecode

    def watched(buffer: np.ndarray, flags: int) -> np.ndarray:
        seen.append(buffer.tobytes())
        return decode(buffer, flags)

    monkeypatch.setattr(cv2, "imdecode", watched)
    assert decode_image(data, flags=flags).shape == shape
    assert b"zTXt" in data
    assert b"zTXt" not in seen[0]
