"""Whole photos of any size through networks that keep it, against padding by NumPy."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from ebb.errors import InvalidInput
from ebb_train.data.planes import position_planes
from ebb_train.inference.full_size import padded_side, render_at_full_size, render_floats_at_full_size
from ebb_train.networks.network import Network, build_network
from ebb_train.networks.planes import NetworkInputs
from ebb_train.networks.registry import NETWORKS, find_spec
from ebb_train.networks.spec import NetworkConfig
from tests.helpers.datasets import photos
from tests.helpers.photo_networks import shake

pytestmark = pytest.mark.usefixtures("one_torch_thread")

WIDTHS = {"bokehlicious-small": 1 / 4, "dddf": 1 / 16, "zheng-style": 1 / 16, "yang-style": 1 / 16}
F_NUMBER = 2.8


@cache
def network(name: str) -> Network:
    made = build_network(NetworkConfig(model=name, width=WIDTHS[name]), 0).eval()
    shake(made)
    return made


def planes(array: np.ndarray, height: int, width: int) -> torch.Tensor:
    """(h, w, C) mirrored by NumPy to a size, edge pixels repeated, as a batch."""
    margins = ((0, height - array.shape[0]), (0, width - array.shape[1]), (0, 0))
    padded = np.pad(array.astype(np.float32), margins, mode="symmetric")
    return torch.from_numpy(np.ascontiguousarray(padded.transpose(2, 0, 1)))[None]


@pytest.mark.parametrize("name", WIDTHS)
@pytest.mark.parametrize(("width", "height"), [(64, 96), (61, 83)])
def test_odd_sizes_are_mirrored_and_cropped(name: str, width: int, height: int) -> None:
    wide, _, _ = photos(1, width, height)
    made = network(name)
    multiple = made.spec.multiple
    size = (-(-height // multiple) * multiple, -(-width // multiple) * multiple)
    assert (padded_side(height, made.spec), padded_side(width, made.spec)) == size
    covered = np.random.default_rng(0).integers(0, 255, (height // 2 * 2, width // 2 * 2), np.uint8)
    full = np.pad(covered, ((0, height % 2), (0, width % 2)), mode="edge")
    inputs = NetworkInputs(
        planes(wide / 255, *size),
        planes(full[..., None] / 255, *size),
        torch.full((1, 1), made.spec.reference_f_number / F_NUMBER),
        position=planes(position_planes(height, width), *size),
    )
    with torch.no_grad():
        expected = made.module(inputs)[0, :, :height, :width].clamp(0, 1).permute(1, 2, 0).numpy()
    found = render_at_full_size(made, wide, covered, F_NUMBER)
    assert found.shape == (height, width, 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("size", [(2, 2), (5, 3), (9, 40)])
def test_photos_smaller_than_the_network_takes(size: tuple[int, int]) -> None:
    """They are mirrored again and again."""
    wide, _, _ = photos(1, 64, 64)
    depth = np.full((1, 1), 100, np.uint8)
    made = network("zheng-style")
    assert padded_side(size[0], made.spec) == 24
    assert render_at_full_size(made, wide[: size[0], : size[1]], depth).shape == (*size, 3)


def test_floats_are_as_eight_bits() -> None:
    wide, _, depth = photos(2, 48, 40)
    full = np.kron(depth, np.ones((2, 2), np.uint8))
    made = network("yang-style")
    tensor = torch.from_numpy(wide / np.float32(255)).permute(2, 0, 1)[None]
    found = render_floats_at_full_size(made, tensor, torch.from_numpy(full / np.float32(255))[None, None])
    expected = render_at_full_size(made, wide, full)
    np.testing.assert_allclose(found[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)
    small = torch.from_numpy(depth / np.float32(255))[None, None]
    near = render_floats_at_full_size(made, tensor, small)
    assert (near - found).abs().mean() < 0.02
    assert near.shape == found.shape


def test_the_aperture_is_that_of_the_picture() -> None:
    wide, _, _ = photos(1, 32, 32)
    made = network("bokehlicious-small")
    open_, closed = (render_at_full_size(made, wide, None, f_number) for f_number in (2.0, 16.0))
    assert not np.allclose(open_, closed)


def test_a_network_in_training_is_left_in_training() -> None:
    wide, _, depth = photos(1, 32, 32)
    made = network("yang-style")
    expected = render_at_full_size(made, wide, depth)
    made.train()
    np.testing.assert_array_equal(render_at_full_size(made, wide, depth), expected)
    assert made.training
    made.eval()


def test_what_is_missing_is_one_line() -> None:
    wide, _, depth = photos(1, 32, 32)
    with pytest.raises(InvalidInput, match="yang-style takes depth, and there is none .make a map with"):
        render_at_full_size(network("yang-style"), wide, None)
    with pytest.raises(InvalidInput, match="bokehlicious-small takes the f-number of the picture"):
        render_at_full_size(network("bokehlicious-small"), wide, depth)
    with pytest.raises(InvalidInput, match="a photo of 1 x 5 pixels .at least 2 x 2"):
        render_at_full_size(network("yang-style"), wide[:5, :1], depth)


@pytest.mark.parametrize("name", NETWORKS)
def test_padded_sides_are_what_networks_take(name: str) -> None:
    spec = find_spec(name)
    for length in (2, 23, 24, 25, 1000):
        side = padded_side(length, spec)
        assert side >= max(length, spec.smallest_side)
        assert side % spec.multiple == 0
        assert side - max(length, spec.smallest_side) < spec.multiple
