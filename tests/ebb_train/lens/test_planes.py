"""Planes of the repair network: against brute force, and where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from ebb_train.lens.planes import REACH_PX, colour_share, edge_maps, input_planes


def halves(height: int = 60, width: int = 80, edge: int = 40) -> np.ndarray:
    """Far on the left, near on the right."""
    depth = np.full((height, width), 0.2, np.float32)
    depth[:, edge:] = 0.7
    return depth


def coloured(edge: int, noise: float = 0.0) -> np.ndarray:
    photo = np.empty((60, 80, 3), np.float32)
    photo[:, :edge], photo[:, edge:] = (0.8, 0.3, 0.2), (0.1, 0.4, 0.6)
    return photo + np.float32(noise) * np.random.default_rng(0).standard_normal(photo.shape, np.float32)


@pytest.mark.parametrize("factor", [1, 2])
def test_surfaces_against_brute_force(factor: int) -> None:
    depth = np.random.default_rng(0).random((30, 41)).astype(np.float32)
    found, reach = edge_maps(depth, factor), factor * REACH_PX
    for y, x in ((0, 0), (15, 20), (29, 40), (3, 33)):
        around = depth[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
        assert found.low[y, x] == around.min()
        assert found.step[y, x] == around.max() - around.min()
        assert found.share[y, x] == pytest.approx((depth[y, x] - around.min()) / np.ptp(around), abs=1e-6)
    np.testing.assert_allclose(found.low + found.share * found.step, depth, atol=1e-6)


def test_flat_maps_have_no_edges() -> None:
    found = edge_maps(np.full((20, 30), 0.4, np.float32))
    assert not found.is_edge.any()
    assert (found.share == 0.5).all()
    found = edge_maps(halves())
    assert found.is_edge[:, 40 - REACH_PX : 40 + REACH_PX].all()
    assert not found.is_edge[:, : 40 - REACH_PX].any()


def test_colour_tells_the_surface_where_the_edge_is_wrong() -> None:
    """The edge of the depth is 5 pixels from that of the photo; both shares by colour are near the truth."""
    photo = np.clip(coloured(35, noise=0.02), 0, 1)
    planes = input_planes(photo, edge_maps(halves()))
    assert planes.shape == (8, 60, 80)
    assert planes.dtype == np.float32
    truth = np.broadcast_to(np.arange(80) >= 35, (60, 80))
    near = np.abs(np.arange(80) - 37) < 10
    depth_share = (planes[4] + 0.5)[:, near]
    assert np.abs(depth_share - truth[:, near]).mean() > 0.2
    assert np.abs(planes[5] + 0.5 - truth)[:, 33:45].mean() < 0.25, "the window is small"
    assert np.abs(planes[6] + 0.5 - truth)[:, near].mean() < 0.13
    assert np.median(planes[7][:, near]) == pytest.approx(np.sqrt(0.7**2 + 0.1**2 + 0.4**2), rel=0.2)
    np.testing.assert_allclose(planes[:3].transpose(1, 2, 0), photo - 0.5, atol=1e-6)


def test_shares_by_colour_of_known_surfaces() -> None:
    """A mixture of two colours has the share of the mixture; the weights need not cover all pixels."""
    front, back = np.float32([0.9, 0.2, 0.1]), np.float32([0.1, 0.6, 0.5])
    mixture = np.linspace(0, 1, 80, dtype=np.float32)
    photo = np.broadcast_to(mixture[:, None] * front + (1 - mixture)[:, None] * back, (60, 80, 3)).copy()
    photo[:30], photo[30:34] = front, back
    nearer, farther = np.zeros((2, 60, 80), np.float32)
    nearer[:28], farther[30:34] = 1, 1
    share, distance = colour_share(photo, nearer, farther, 16)
    np.testing.assert_allclose(share[36:40], np.broadcast_to(mixture, (4, 80)), atol=0.03)
    np.testing.assert_allclose(distance[36:40], np.linalg.norm(front - back), rtol=0.03)


def test_surfaces_of_one_colour_tell_nothing() -> None:
    photo = np.full((60, 80, 3), 0.4, np.float32)
    planes = input_planes(photo, edge_maps(halves()))
    assert np.isfinite(planes).all()
    np.testing.assert_allclose(planes[7], 0, atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 2)])
def test_tiny_photos(shape: tuple[int, int]) -> None:
    depth = np.random.default_rng(1).random(shape).astype(np.float32)
    planes = input_planes(np.zeros((*shape, 3), np.float32), edge_maps(depth))
    assert planes.shape == (8, *shape)
    assert np.isfinite(planes).all()
