"""Photos and depth estimation in the Python API."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import ebb
from ebb.api.photos import pixels_of, to_8_bits
from ebb.one_photo import Opening
from ebb.one_photo import open_photo as open_one
from tests.helpers.captures import START, scene, shot


def test_a_photo_is_upright_and_says_how_it_was_taken(tmp_path: Path) -> None:
    image = scene(1, (96, 64))
    path = tmp_path / "turned.jpg"
    path.write_bytes(shot(image, 1.8, 0, orientation=6))
    photo = ebb.open_photo(path)
    decoded = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    np.testing.assert_array_equal(photo, cv2.rotate(decoded, cv2.ROTATE_90_CLOCKWISE))
    assert photo.full_size == (64, 96)
    assert repr(photo) == f"Photo('{path}', 64 x 96, uint8)"
    exif = photo.exif
    assert (exif.f_number, exif.iso, exif.focal_length_mm, exif.captured_at) == (1.8, 100, 50, START)


def test_a_height_gives_the_same_pixels_as_the_stages(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(shot(scene(2), 16, 0))
    opening = Opening(height=128, max_megapixels=1, item_timeout=9)
    np.testing.assert_array_equal(ebb.open_photo(str(path), height=128), open_one(path, opening).small)


def test_16_bits_stay_and_a_height_gives_8(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (40, 60, 3), np.uint16)
    path = tmp_path / "deep.png"
    path.write_bytes(cv2.imencode(".png", cv2.cvtColor(deep, cv2.COLOR_RGB2BGR))[1].tobytes())
    np.testing.assert_array_equal(ebb.open_photo(path).pixels, deep)
    small = ebb.open_photo(path, height=40).pixels  # its own height
    assert small.dtype == np.uint8
    assert np.abs(small - deep / 257).max() <= 0.5


def test_errors_of_invalid_photos_have_the_path(tmp_path: Path) -> None:
    path = tmp_path / "notes.jpg"
    path.write_text("not a photo")
    with pytest.raises(ebb.Broken, match=r"notes\.jpg: ") as raised:
        ebb.open_photo(path)
    assert raised.value.reason is ebb.Reason.UNREADABLE
    with pytest.raises(ebb.InvalidInput, match=r"missing\.jpg: cannot be read"):
        ebb.open_photo(tmp_path / "missing.jpg")
    path.write_bytes(shot(scene(1, (96, 64)), 16, 0))
    with pytest.raises(ebb.Broken, match="megapixels"):
        ebb.open_photo(path, max_megapixels=0.001)
    with pytest.raises(ebb.UsageError, match="the height must be at least 1 pixel, not 0"):
        ebb.open_photo(path, height=0)


def test_eight_bits_are_the_nearest() -> None:
    codes = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.floor(codes / 257 + 0.5)
    np.testing.assert_array_equal(to_8_bits(codes), expected)


def test_arrays_of_several_types_are_photos() -> None:
    floats = np.random.default_rng(0).random((4, 5, 3))
    assert np.abs(pixels_of(floats) / 65535 - floats).max() <= 0.5 / 65535 + 1e-12
    for kind in (np.uint8, np.uint16):
        assert pixels_of(np.zeros((4, 5, 3), kind)).dtype == kind


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 5), np.uint8), r"shape \(height, width, 3\), not \(4, 5\)"),
        (np.zeros((0, 5, 3), np.uint8), "not"),
        (np.zeros((4, 5, 3), np.int64), "not int64"),
        (np.full((4, 5, 3), 255.0), r"not in \[255, 255\]"),
        (np.full((4, 5, 3), np.nan), r"not in \[nan"),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ebb.UsageError, match=message):
        pixels_of(array)


def test_depth_requires_an_installed_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = np.zeros((64, 64, 3), np.uint8)
    monkeypatch.setenv("EBB_CACHE", str(tmp_path))
    with pytest.raises(ebb.MissingDependency, match="ebb weights download megadepth"):
        ebb.estimate_depth(photo)
    with pytest.raises(ebb.MissingDependency, match=r"none\.onnx: no such ONNX file"):
        ebb.estimate_depth(photo, "onnx", weights=tmp_path / "none.onnx")
    with pytest.raises(ebb.UsageError, match="no depth provider is called 'midas'"):
        ebb.estimate_depth(photo, "midas")
    for provider in ("sidecar", "embedded", "none"):
        with pytest.raises(ebb.UsageError, match=f"{provider!r} reads depth from files"):
            ebb.estimate_depth(photo, provider)


def test_depth_of_an_onnx_network(tmp_path: Path) -> None:
    """A network whose depth is the mean of red, green and blue."""
    helper = pytest.importorskip("onnx").helper
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(np.float32))
    node = helper.make_node("ReduceMean", ["rgb"], ["depth"], axes=[1], keepdims=0)
    graph = helper.make_graph(
        [node],
        "mean",
        [helper.make_tensor_value_info("rgb", kind, [1, 3, 64, 96])],
        [helper.make_tensor_value_info("depth", kind, [1, 64, 96])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "mean.onnx"
    path.write_bytes(model.SerializeToString())
    ramp = np.tile(np.linspace(0, 255, 96).astype(np.uint8)[None, :, None], (64, 1, 3))
    settings = ebb.DepthSettings(provider="onnx", model=str(path), model_normalisation="unit")
    depth = ebb.estimate_depth(ramp, settings=settings)
    assert depth.shape == (32, 48)
    means = ramp[..., 0].reshape(32, 2, 48, 2).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(depth, means, atol=5e-3)
    again = ebb.estimate_depth(ramp / 255, "onnx", weights=path, device="cpu")
    assert np.corrcoef(again.ravel(), depth.ravel())[0, 1] > 0.9999
