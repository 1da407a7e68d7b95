import io
import struct
from pathlib import Path, PurePath

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from ebb.arrays import Size
from ebb.depthmap.sidecar import SUFFIXES, depth_files, is_depth_file, read_sidecar
from ebb.errors import Reason, Rejected

SAMPLE = Path(__file__).parents[3] / "data" / "sample" / "captures"
PHOTO = Size(60, 40)
METRES = np.linspace(1, 9, 30 * 20).reshape(20, 30)


def png(array: np.ndarray) -> bytes:
    return cv2.imencode(".png", array)[1].tobytes()


def tiff(array: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def npy(array: np.ndarray, *, allow_pickle: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=allow_pickle)
    return buffer.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


GREY8 = np.rint(METRES * 28).astype(np.uint8)
GREY16 = np.rint(METRES * 7000).astype(np.uint16)
FLOAT = METRES.astype(np.float32)

FILES = {
    "png 8": (".png", png(GREY8), GREY8),
    "png 16": (".PNG", png(GREY16), GREY16),
    "tiff 8": (".tif", tiff(GREY8), GREY8),
    "tiff 16": (".tiff", tiff(GREY16), GREY16),
    "tiff float": (".tiff", tiff(FLOAT), FLOAT),
    "tiff deflate": (".TIF", tiff(FLOAT, compression="zlib"), FLOAT),
    "npy float64": (".npy", npy(METRES), METRES),
    "npy float16": (".npy", npy(METRES.astype(np.float16)), METRES.astype(np.float16)),
    "npy integers": (".npy", npy(GREY16.astype(np.int32)), GREY16),
    "npy columns": (".npy", npy(np.asfortranarray(FLOAT)), FLOAT),
    "npz": (".npz", npz(depth=FLOAT), FLOAT),
}


@pytest.mark.parametrize("name", FILES)
def test_inverse_values_are_unchanged(name: str) -> None:
    suffix, data, truth = FILES[name]
    inverse = read_sidecar(data, suffix, "inverse", PHOTO)
    assert inverse.dtype == np.float32
    np.testing.assert_array_equal(inverse, truth.astype(np.float32))


@pytest.mark.parametrize("name", FILES)
def test_distances_are_inverted(name: str) -> None:
    suffix, data, truth = FILES[name]
    inverse = read_sidecar(data, suffix, "distance", PHOTO)
    np.testing.assert_allclose(inverse, 1 / truth.astype(np.float64), rtol=1e-6)


@pytest.mark.parametrize("sky", [0.0, np.inf])
def test_sky_is_at_inverse_depth_zero(sky: float) -> None:
    distance = FLOAT.copy()
    distance[:5] = sky
    inverse = read_sidecar(npy(distance), ".npy", "distance", PHOTO)
    assert (inverse[:5] == 0).all()
    assert (inverse[5:] > 0).all()


@pytest.mark.parametrize("name", ["IMG_0301", "IMG_0304", "IMG_0305"])
def test_sample_depth_files(name: str) -> None:
    data = (SAMPLE / f"{name}_depth.png").read_bytes()
    truth = cv2.imread(str(SAMPLE / f"{name}_depth.png"), cv2.IMREAD_UNCHANGED)
    inverse = read_sidecar(data, ".png", "inverse", Size(truth.shape[1], truth.shape[0]))
    np.testing.assert_array_equal(inverse, truth)
    assert inverse.max() > 255


def rejected(data: bytes, suffix: str, values: str = "inverse") -> str:
    assert values in {"inverse", "distance"}
    with pytest.raises(Rejected) as caught:
        read_sidecar(data, suffix, values, PHOTO)  # type: ignore[arg-type]
    assert caught.value.reason is Reason.BAD_DEPTH
    return str(caught.value)


@pytest.mark.parametrize("shape", [(20, 31), (21, 30), (30, 20)])
def test_different_aspect_ratios(shape: tuple[int, int]) -> None:
    message = rejected(npy(np.arange(float(np.prod(shape))).reshape(shape)), ".npy")
    assert f"depth map {shape[1]} x {shape[0]}, photo 60 x 40: different aspect ratios" in message


def test_aspect_may_differ_by_rounding() -> None:
    depth = np.arange(301 * 200.0).reshape(200, 301)
    assert read_sidecar(npy(depth), ".npy", "inverse", PHOTO).shape == (200, 301)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_not_a_depth_file(suffix: str) -> None:
    for data in (b"", b"no depth here", b"\x89PNG\r\n\x1a\n" + bytes(40), b"\x93NUMPY\x01\x00"):
        assert "cannot be decoded" in rejected(data, suffix)


@pytest.mark.parametrize("name", ["png 16", "npy float64", "npz", "tiff float"])
def test_truncated_files(name: str) -> None:
    suffix, data, _ = FILES[name]
    assert "cannot be decoded" in rejected(data[: len(data) * 2 // 3], suffix)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_a_tiff_with_a_missing_strip(dtype: type) -> None:
    """Other bytes of the file were taken for depth."""
    data = tiff(GREY16.astype(dtype), rowsperstrip=5)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        lengths = file.pages[0].tags[279]
    assert lengths.valueoffset != lengths.offset + 8
    size = struct.calcsize("<H" if lengths.dtype == 3 else "<I")
    last = lengths.valueoffset + size * (lengths.count - 1)
    assert "a strip or tile holds 0 of" in rejected(data[:last] + bytes(size) + data[last + size :], ".tif")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tags_of_a_tiff_do_not_change_its_numbers(dtype: type) -> None:
    values = GREY16.astype(dtype)
    for orientation in (2, 3, 6):
        data = tiff(values, photometric="minisblack", extratags=[(274, 3, 1, orientation, True)])
        found = read_sidecar(data, ".tif", "inverse", Size(values.shape[1], values.shape[0]))
        np.testing.assert_array_equal(found, values)
    assert "0 is white" in rejected(tiff(values, photometric="miniswhite"), ".tif")


def test_a_png_of_few_bits_is_not_scaled_unnoticed() -> None:
    image = Image.fromarray(GREY8).quantize(4)
    image.save(stream := io.BytesIO(), "PNG", bits=2)
    assert "a PNG of 2 bits per pixel; 8 and 16 are supported" in rejected(stream.getvalue(), ".png")


def test_damaged_npz() -> None:
    data = bytearray(npz(depth=FLOAT))
    data[60:80] = bytes(20)
    assert "cannot be decoded" in rejected(bytes(data), ".npz")


def test_npz_that_cannot_be_decompressed() -> None:
    data = bytearray(npz(depth=FLOAT))
    for header in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
        data[header] |= 1
    assert "is encrypted" in rejected(bytes(data), ".npz")


def test_pickles_are_never_opened() -> None:
    objects = np.empty((20, 30), dtype=object)
    assert "cannot be decoded" in rejected(npy(objects, allow_pickle=True), ".npy")
    assert "cannot be decoded" in rejected(npz(depth=objects), ".npz")


def test_npz_with_several_arrays() -> None:
    assert "holds 2 arrays, expected one" in rejected(npz(depth=FLOAT, mask=FLOAT), ".npz")


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (png(GREY8), ".png"),
        (tiff(FLOAT), ".tif"),
        (npy(FLOAT), ".npy"),
        (npz(depth=FLOAT), ".npz"),
    ],
)
def test_maps_with_more_pixels_than_the_limit_and_the_photo(
    data: bytes, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ebb.depthmap.sidecar.MAX_DEPTH_PIXELS", 599)
    assert read_sidecar(data, suffix, "inverse", PHOTO).shape == (20, 30)
    with pytest.raises(Rejected, match=r"claims 30 x 20|claims 20 x 30"):
        read_sidecar(data, suffix, "inverse", Size(27, 18))


def test_a_map_of_many_rows_is_inverted_as_one_of_few() -> None:
    """Rows are calculated in groups."""
    distance = np.linspace(1, 9, 1000 * 12).reshape(1000, 12)
    inverse = read_sidecar(npy(distance), ".npy", "distance", Size(24, 2000))
    np.testing.assert_allclose(inverse, 1 / distance, rtol=1e-6)


@pytest.mark.parametrize(
    ("data", "suffix", "values", "message"),
    [
        (png(np.zeros((20, 30, 3), np.uint8)), ".png", "inverse", "the same value everywhere"),
        (png(np.arange(1800, dtype=np.uint8).reshape(20, 30, 3)), ".png", "inverse", "shape (20, 30, 3)"),
        (npy(np.ones(600)), ".npy", "inverse", "shape (600,)"),
        (npy(np.ones((0, 30))), ".npy", "inverse", "shape (0, 30)"),
        (npy(np.ones((20, 30))), ".npy", "inverse", "the same value everywhere"),
        (npy(np.full((20, 30), np.inf)), ".npy", "distance", "the same value everywhere"),
        (npy(np.where(METRES > 5, np.nan, METRES)), ".npy", "inverse", "not finite"),
        (npy(np.where(METRES > 5, np.nan, METRES)), ".npy", "distance", "not finite"),
        (npy(np.where(METRES > 5, np.inf, METRES)), ".npy", "inverse", "not finite"),
        (npy(METRES * 1e300), ".npy", "inverse", "not finite"),
        (npy(METRES * 1e-300), ".npy", "distance", "not finite"),
        (npy(METRES - 5), ".npy", "distance", "negative distances"),
        (npy(METRES + 1j), ".npy", "inverse", "values of type complex128"),
        (npy(METRES > 5), ".npy", "inverse", "values of type bool"),
        (b"", ".exr", "inverse", "known: .png, .tif, .tiff, .npy, .npz"),
    ],
)
def test_rejections(data: bytes, suffix: str, values: str, message: str) -> None:
    assert message in rejected(data, suffix, values)


def test_names_of_depth_files() -> None:
    assert all(is_depth_file(PurePath(name)) for name in ("a_depth.png", "b/a_depth.TIF", "a_depth.npz"))
    assert not any(is_depth_file(PurePath(name)) for name in ("a.png", "a_depth.jpg", "depth.png", "a_depth"))


def test_depth_files_by_their_photos() -> None:
    """Of several, PNG comes before TIFF and NPY."""
    names = [
        "a.jpg",
        "a_depth.npy",
        "a_depth.PNG",
        "b/c.DNG",
        "b/c_depth.tiff",
        "b/c_depth.npy",
        "x_depth.jpg",
    ]
    assert depth_files(names) == {"a": "a_depth.PNG", "b/c": "b/c_depth.tiff"}
