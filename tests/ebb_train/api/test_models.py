"""A loaded network against the network called directly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import ebb
import ebb_train
from ebb_train.inference.whole_photo import render_full_image
from ebb_train.models.network import PyNet, save_pynet
from tests.helpers.datasets import photos, record, write_set
from tests.helpers.networks import lively_network

WIDE, _, DEPTH = photos(0, 96, 64)


@pytest.fixture(scope="module")
def network() -> PyNet:
    return lively_network()


@pytest.fixture(scope="module")
def path(network: PyNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "level-1.safetensors"
    save_pynet(path, network, source="a test")
    return path


def directly(network: PyNet, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Picture of an input (h, w, 4) in [0, 1] whose sides divide by 32."""
    with torch.inference_mode():
        picture = network(torch.from_numpy(inputs).permute(2, 0, 1)[None])[0]
    return picture.clamp(0, 1).permute(1, 2, 0).numpy()


def test_floats_are_the_network_on_the_halved_photo(network: PyNet, path: Path) -> None:
    """A photo of blocks of 2 x 2 in the middle of large areas has its half size known."""
    half = np.full((32, 64, 4), 0.25, np.float32)
    half[..., 1], half[..., 3] = 0.75, 0.5
    photo = half[..., :3].repeat(2, axis=0).repeat(2, axis=1)
    model = ebb_train.load_model(path)
    found = model(photo, half[..., 3])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, directly(network, half), atol=1e-5)


def test_bytes_equal_those_of_render(network: PyNet, path: Path) -> None:
    found = ebb_train.load_model(path)(WIDE, DEPTH)
    expected = np.rint(255 * render_full_image(network, WIDE, DEPTH))
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.uint8


@pytest.mark.parametrize("size", [(64, 96), (50, 71), (33, 130)])
def test_the_result_has_type_and_size_of_the_input(path: Path, size: tuple[int, int]) -> None:
    model = ebb_train.load_model(path)
    wide, depth = WIDE[: size[0]], DEPTH[: size[0] // 2]
    wide = np.ascontiguousarray(np.resize(wide, (*size, 3)))
    of_bytes = model(wide, depth)
    assert of_bytes.shape == (*size, 3)
    for kind, tolerance in ((np.float32, 2.0), (np.float64, 2.0)):
        found = model((wide / 255).astype(kind), (depth / 255).astype(kind))
        assert (found.dtype, found.shape) == (kind, of_bytes.shape)
        assert np.abs(255 * found - of_bytes).mean() < tolerance
    batch = torch.from_numpy(np.stack([wide, wide[::-1]])).permute(0, 3, 1, 2)
    maps = torch.from_numpy(np.stack([depth, depth[::-1]]))[:, None]
    stacked = model(batch, maps)
    assert (stacked.dtype, tuple(stacked.shape)) == (torch.uint8, (2, 3, *size))
    np.testing.assert_array_equal(stacked[0].permute(1, 2, 0), of_bytes)
    floats = model(batch.double() / 255, maps.double() / 255)
    assert floats.dtype == torch.float64
    array = model(wide / 255, depth / 255)
    np.testing.assert_allclose(floats[0].permute(1, 2, 0), array, atol=1e-5)


def test_batches_of_a_data_set_are_accepted(path: Path, tmp_path: Path) -> None:
    dataset = ebb.open_dataset(write_set(tmp_path, [[record(0), record(1)]]))
    loader = torch.utils.data.DataLoader(dataset.to_torch(), batch_size=2)
    model = ebb_train.load_model(path)
    for inputs, targets in loader:
        found = model(inputs)
        assert found.shape == targets.shape
        for number in range(2):
            wide, _, depth = photos(number)
            expected = model((wide / 255).astype(np.float32), (depth / 255).astype(np.float32))
            np.testing.assert_allclose(found[number].permute(1, 2, 0), expected, atol=1e-3)


def test_the_fast_network_gives_nearly_the_same(path: Path) -> None:
    plain, fast = ebb_train.load_model(path), ebb_train.load_model(path, fast=True)
    assert type(plain.network) is not type(fast.network)
    photo, depth = (WIDE / 255).astype(np.float32), (DEPTH / 255).astype(np.float32)
    np.testing.assert_allclose(fast(photo, depth), plain(photo, depth), atol=1e-4)


def test_a_run_folder_and_a_network_without_depth(tmp_path: Path) -> None:
    save_pynet(tmp_path / "level-1.safetensors", lively_network(in_channels=3), source="a test")
    model = ebb_train.load_model(str(tmp_path))
    assert not model.needs_depth
    assert repr(model) == f"BokehModel({model.config!r}, needs_depth=False, device='cpu')"
    np.testing.assert_array_equal(model(WIDE), model(WIDE, DEPTH))


def test_bad_photos_are_refused(path: Path) -> None:
    model = ebb_train.load_model(path)
    tensor = torch.zeros(1, 3, 64, 64)
    for arguments, message in (
        ((WIDE,), r"takes depth, and none is given \(pass it as the second argument; ebb\.estimate_depth"),
        ((tensor,), "takes depth, and none is given"),
        ((WIDE[..., 0], DEPTH), r"not \(64, 96\)"),
        ((WIDE, DEPTH / 255), "not .* of float64"),
        ((WIDE.astype(np.int32), DEPTH.astype(np.int32)), "not torch.int32|not int32"),
        ((WIDE.astype(np.float32), DEPTH.astype(np.float32)), r"in \[0, 1\], not in \[0, 255\]"),
        ((torch.zeros(3, 64, 64),), r"not \(3, 64, 64\)"),
        ((tensor, torch.zeros(1, 2, 32, 32)), r"not \(1, 2, 32, 32\) of torch.float32"),
        ((tensor.int(), torch.zeros(1, 1, 32, 32).int()), "not torch.int32|not int32"),
        ((torch.zeros(1, 4, 1, 64),), "64 x 1 pixels"),
    ):
        with pytest.raises(ebb.InvalidInput, match=message):
            model(*arguments)  # type: ignore[arg-type]


def test_bad_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ebb.InvalidInput, match="no such weights file"):
        ebb_train.load_model(tmp_path / "none.safetensors")
    save_pynet(tmp_path / "level-3.safetensors", lively_network(level=3), source="a test")
    with pytest.raises(ebb.InvalidInput, match="ends at level 3"):
        ebb_train.load_model(tmp_path)
