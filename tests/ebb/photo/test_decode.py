import io
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from ebb.arrays import Size
from ebb.errors import Broken, Reason
from ebb.geometry.pixel_grid import resize_homography
from ebb.photo.decode import decode, developed_size, upright, upright_to_stored
from ebb.photo.resample import resample
from tests.helpers.bayer_files import bayer_dng

CAPTURES = Path(__file__).parents[3] / "data" / "sample" / "captures"


def capture(name: str) -> bytes:
    return (CAPTURES / name).read_bytes()


def noise(shape: tuple[int, ...], dtype: type[np.uint8 | np.uint16] = np.uint8) -> np.ndarray:
    top = np.iinfo(dtype).max + 1
    return np.random.default_rng(7).integers(0, top, shape, dtype)


def encoded(pixels: np.ndarray, suffix: str) -> bytes:
    """Encode RGB, RGBA or grey with OpenCV, PNG and TIFF without loss."""
    swapped = pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]] if pixels.ndim == 3 else pixels
    return cv2.imencode(suffix, np.ascontiguousarray(swapped))[1].tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_agrees_with_pillow(orientation: int) -> None:
    stored = noise((5, 7, 3))
    picture = Image.fromarray(stored)
    picture.getexif()[0x0112] = orientation
    turned = upright(stored, orientation)
    np.testing.assert_array_equal(turned, np.asarray(ImageOps.exif_transpose(picture)))
    assert turned.flags.c_contiguous
    assert developed_size(Size(7, 5), orientation) == turned.shape[1::-1]


@pytest.mark.parametrize("orientation", range(10))
def test_where_an_upright_pixel_is_stored(orientation: int) -> None:
    places = np.dstack(np.meshgrid(np.arange(7), np.arange(5)))
    turned = upright(places, orientation)
    H = upright_to_stored(Size(7, 5), orientation)
    for y, x in np.ndindex(turned.shape[:2]):
        np.testing.assert_array_equal(H @ [x, y, 1], [*turned[y, x], 1])


@pytest.mark.parametrize("orientation", [0, -1, 9, 65535])
def test_invalid_orientations_are_ignored(orientation: int) -> None:
    stored = noise((5, 7))
    assert upright(stored, orientation) is stored
    assert developed_size(Size(7, 5), orientation) == (7, 5)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_exif_orientation_is_applied_once(suffix: str, orientation: int) -> None:
    ramp = np.mgrid[0:48, 0:64].sum(axis=0).astype(np.uint8) * 2
    picture = Image.fromarray(np.dstack([ramp, 255 - ramp, ramp // 2]))
    exif = picture.getexif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    picture.save(stream, {"jpg": "JPEG", "png": "PNG", "tif": "TIFF"}[suffix[1:]], exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(stream.getvalue()))))
    photo = decode(stream.getvalue(), suffix, orientation)
    np.testing.assert_allclose(photo.astype(int), expected.astype(int), atol=3 if suffix == ".jpg" else 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_keeps_depth_and_channel_order(suffix: str, dtype: type[np.uint8 | np.uint16]) -> None:
    pixels = noise((20, 30, 3), dtype)
    photo = decode(encoded(pixels, suffix), suffix, 1)
    assert photo.dtype == dtype
    np.testing.assert_array_equal(photo, pixels)


def test_tiff_by_another_writer() -> None:
    pixels, stream = noise((20, 30, 3), np.uint16), io.BytesIO()
    tifffile.imwrite(stream, pixels, photometric="rgb", byteorder=">")
    np.testing.assert_array_equal(decode(stream.getvalue(), ".tif", 1), pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_becomes_rgb(dtype: type[np.uint8 | np.uint16]) -> None:
    pixels = noise((20, 30), dtype)
    np.testing.assert_array_equal(decode(encoded(pixels, ".png"), ".png", 1), np.dstack([pixels] * 3))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_is_dropped_without_effect_on_colour(dtype: type[np.uint8 | np.uint16]) -> None:
    pixels = noise((20, 30, 4), dtype)
    np.testing.assert_array_equal(decode(encoded(pixels, ".png"), ".png", 1), pixels[..., :3])


def test_jpeg_agrees_with_pillow() -> None:
    data = capture("IMG_0306.JPG")
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    difference = np.abs(decode(data, ".JPG", 1).astype(int) - expected)
    assert difference.mean() < 0.2
    assert difference.max() <= 3


@pytest.mark.parametrize(
    ("name", "orientation", "size"), [("IMG_0302", 1, (1920, 1280)), ("IMG_0303", 6, (1280, 1920))]
)
def test_raw_has_its_upright_size_and_repeats_byte_for_byte(
    name: str, orientation: int, size: tuple[int, int]
) -> None:
    first, second = (decode(capture(f"{name}.DNG"), ".DNG", orientation) for _ in range(2))
    assert first.dtype == np.uint16
    assert first.shape == (size[1], size[0], 3)
    assert first.tobytes() == second.tobytes()


def test_raw_agrees_with_its_jpeg_twin() -> None:
    twin = decode(capture("IMG_0301.JPG"), ".JPG", 1).astype(np.float64)
    photo = decode(capture("IMG_0301.DNG"), ".DNG", 1)
    size = Size(twin.shape[1], twin.shape[0])
    small = resample(photo, np.linalg.inv(resize_homography(1728 / 1920)), size).astype(np.float64)
    exposed = (small.max(axis=2) < 240) & (twin.max(axis=2) < 240)
    for channel in range(3):
        assert np.corrcoef(small[exposed, channel], twin[exposed, channel])[0, 1] > 0.97
    shift, _ = cv2.phaseCorrelate(small[..., 1].copy(), twin[..., 1].copy())
    assert np.hypot(*shift) < 0.05


def sensor(level: int) -> np.ndarray:
    return level + np.random.default_rng(2).integers(-60, 60, (192, 256))


def test_a_grey_wall_develops_to_the_srgb_curve() -> None:
    photo = decode(bayer_dng(sensor(512 + 15488 // 5)), ".dng", 1)
    middle = photo[8:-8, 8:-8, 1].mean() / 65535
    assert middle == pytest.approx(1.055 * 0.2 ** (1 / 2.4) - 0.055, abs=0.004)


def test_white_level_does_not_follow_the_brightest_pixel() -> None:
    photos = []
    for brightest in (12800, 15900):  # between 75 and 100 % of white LibRaw would stretch both to white
        mosaic = sensor(4000)
        mosaic[150:170, 150:170] = brightest
        photos.append(decode(bayer_dng(mosaic), ".dng", 1)[:100, :100])
    np.testing.assert_array_equal(photos[0], photos[1])


@pytest.mark.parametrize(
    ("value", "first_row", "message"),
    [
        (0, 0, "the last 192 of 192 sensor rows hold no data"),
        (0, 150, "the last 42 of 192 sensor rows hold no data"),
        (512, 0, "holds no picture: every pixel is [0, 0, 0]"),
    ],
)
def test_raw_without_data(value: int, first_row: int, message: str) -> None:
    mosaic = sensor(4000)
    mosaic[first_row:] = value
    with pytest.raises(Broken, match=re.escape(message)) as error:
        decode(bayer_dng(mosaic), ".dng", 1)
    assert error.value.reason is Reason.CORRUPT_INPUT


@pytest.mark.parametrize("kept", [0.999, 0.5, 0.02, 0.0])
def test_truncated_raw_files_are_not_developed(kept: float) -> None:
    data = capture("IMG_0301.DNG")
    with pytest.raises(Broken, match="LibRaw cannot develop it: ") as error:
        decode(data[: int(len(data) * kept)], ".DNG", 1)
    assert error.value.reason is Reason.CORRUPT_INPUT


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"plain text", b"\x89PNG\r\n\x1a\n"])
def test_undecodable_pixels_are_corrupt_input(data: bytes) -> None:
    with pytest.raises(Broken, match=r"cannot be decoded|cannot decode it|is truncated") as error:
        decode(data, ".jpg", 1)
    assert error.value.reason is Reason.CORRUPT_INPUT


def test_a_frame_of_one_colour_is_refused() -> None:
    with pytest.raises(Broken, match=re.escape("every pixel is [9, 8, 7]")) as error:
        decode(encoded(np.full((8, 8, 3), (9, 8, 7), np.uint8), ".png"), ".png", 1)
    assert error.value.reason is Reason.CORRUPT_INPUT


def test_floating_point_is_refused() -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.random.default_rng(1).random((8, 8, 3), np.float32), photometric="rgb")
    with pytest.raises(Broken, match="floating point pixels of 32 bits") as error:
        decode(stream.getvalue(), ".tif", 1)
    assert error.value.reason is Reason.UNSUPPORTED_PIXELS


def test_damaged_jpeg_data_are_not_shown_as_grey() -> None:
    """libjpeg fills what it cannot decode, and only warns."""
    data = encoded(noise((120, 160, 3)), ".jpg")
    with pytest.raises(Broken, match="its compressed pixels cannot be decoded as a whole") as error:
        decode(data[: len(data) // 2] + b"\xff\xd9", ".jpg", 1)
    assert error.value.reason is Reason.CORRUPT_INPUT
