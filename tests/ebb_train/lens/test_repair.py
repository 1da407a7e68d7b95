from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ebb.errors import MissingDependency, UsageError
from ebb_train.lens import repair as module
from ebb_train.lens.network import RepairNet
from ebb_train.lens.planes import REACH_PX, edge_maps, input_planes
from ebb_train.lens.repair import (
    ShareChange,
    apply_change,
    packaged_network,
    packaged_weights,
    repair_depth,
    working_factor,
)
from ebb_train.models.repair import RepairConfig
from tests.helpers.repair import colour_network

TINY = RepairConfig(fine=4, middle=6, coarse=8, blocks=1, least_change=0.0)


@pytest.fixture(scope="module")
def network() -> RepairNet:
    made = RepairNet(TINY)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(0, 0.2, generator=generator)
    return made.eval()


def scene(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    depth = np.full((height, width), 0.2, np.float32)
    depth[height // 4 : height // 2, width // 4 : width // 2] = 0.7
    return photo, depth


def test_at_full_size_it_is_the_network(network: RepairNet) -> None:
    photo, depth = scene(64, 96)
    edges = edge_maps(depth)
    planes = torch.from_numpy(input_planes(photo / np.float32(255), edges)[None])
    with torch.inference_mode():
        share = network(planes).sigmoid()[0, 0].numpy()
    expected = np.where(edges.is_edge, edges.low + share * edges.step, depth)
    np.testing.assert_allclose(repair_depth(photo, depth, network), expected, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (75, 101), (700, 1000)])
def test_away_from_edges_every_bit_is_kept(network: RepairNet, height: int, width: int) -> None:
    photo, depth = scene(height, width)
    found, factor = repair_depth(photo, depth, network), working_factor(depth.size)
    assert found.shape == depth.shape
    assert found.dtype == np.float32
    y, x = np.mgrid[:height, :width]
    outside = np.maximum.reduce([height // 4 - y, y - height // 2 + 1, width // 4 - x, x - width // 2 + 1])
    far = outside > factor * REACH_PX
    np.testing.assert_array_equal(found[far], depth[far])
    assert (found[~far] != depth[~far]).any()
    assert 0.2 <= found.min() <= found.max() <= np.float32(0.7)


def test_maps_without_edges_are_kept(network: RepairNet) -> None:
    photo = scene(33, 47)[0]
    slope = np.linspace(0.2, 0.25, 47, dtype=np.float32) * np.ones((33, 1), np.float32)
    found = repair_depth(photo, slope, network)
    np.testing.assert_array_equal(found, slope)
    assert found is not slope


@pytest.mark.parametrize(("height", "width"), [(120, 160), (1000, 1400)])
def test_an_edge_moves_to_that_of_the_photo(height: int, width: int) -> None:
    """A network that follows colour alone, on two surfaces of one colour each; the map's edge is wrong."""
    factor = working_factor(height * width)
    truth, wrong = np.zeros((2, height, width), np.float32)
    truth[:, width // 2 :] = 1
    wrong[:, width // 2 - 6 * factor :] = 1
    photo = np.where(truth[..., None] > 0, np.uint8([30, 90, 160]), np.uint8([200, 80, 50])).astype(np.uint8)
    found = repair_depth(photo, wrong, colour_network())
    assert np.abs(wrong - truth).sum() == 6 * factor * height
    assert np.abs(found - truth).sum() < 1.1 * factor * height


def test_small_changes_keep_pixels_and_maps() -> None:
    depth = scene(64, 96)[1]
    edges = edge_maps(depth)
    change = np.where(edges.share > 0.5, -0.3, 0.2).astype(np.float32) * edges.is_edge
    found = ShareChange(edges, change, 1)

    def moved(**limits: float) -> np.ndarray:
        return apply_change(depth, found, replace(TINY, **limits)) != depth

    np.testing.assert_array_equal(moved(), edges.is_edge)
    np.testing.assert_array_equal(moved(least_change=0.25), edges.is_edge & (edges.share > 0.5))
    mean = float(np.abs(change[edges.is_edge]).mean())
    assert moved(least_mean=mean - 0.01).any()
    assert not moved(least_mean=mean + 0.01).any()


def test_steep_edges() -> None:
    depth = scene(64, 96)[1]
    edges = edge_maps(depth)
    change = np.where(edges.is_edge, 0.4 - edges.share, 0).astype(np.float32)
    found = apply_change(depth, ShareChange(edges, change, 2), replace(TINY, steepness=4.0))
    expected = edges.low + (0.5 - 8 * 0.1 if 0.5 > 8 * 0.1 else 0) * edges.step
    np.testing.assert_allclose(found[edges.is_edge], expected[edges.is_edge], atol=1e-6)


def test_working_size() -> None:
    sizes = ((1, 1), (640, 1000), (640, 1001), (1024, 1536), (3456, 5184))
    assert [working_factor(height * width) for height, width in sizes] == [1, 1, 2, 2, 6]


def test_arrays_that_do_not_fit_are_refused(network: RepairNet) -> None:
    photo, depth = scene(8, 8)
    with pytest.raises(UsageError, match="must have the same height and width"):
        repair_depth(photo[:4], depth, network)
    for value in (np.nan, 1.1, -0.1):
        wrong = depth.copy()
        wrong[0, 0] = value
        with pytest.raises(UsageError, match="must be within"):
            repair_depth(photo, wrong, network)


def test_without_weights_the_message_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WEIGHTS_FILE", "missing.safetensors")
    packaged_network.cache_clear()
    assert packaged_weights() is None
    with pytest.raises(MissingDependency, match="no weights of the lens model"):
        packaged_network()
    packaged_network.cache_clear()
