"""Depth maps enlarged to the photo."""

from __future__ import annotations

import numpy as np
import pytest

from ebb.bokeh.depth_upsampling import upsample_depth


def disc_scene(side: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """A red disc before a blue wall: photo, true depth of every pixel, stored map (means of 2 x 2)."""
    y, x = np.mgrid[:side, :side]
    disc = np.hypot(x - side / 2 + 0.3, y - side / 2) < side / 4
    wide = np.where(disc[..., None], (200, 30, 30), (30, 30, 200)).astype(np.uint8)
    truth = np.where(disc, 220, 40).astype(np.float64)
    stored = np.rint(truth.reshape(side // 2, 2, side // 2, 2).mean(axis=(1, 3))).astype(np.uint8)
    return wide, truth / 255, stored


def unit(stored: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return stored.astype(np.float32) / np.float32(255)


def test_edges_follow_those_of_the_photo() -> None:
    wide, truth, stored = disc_scene()
    found = upsample_depth(wide, unit(stored))
    wrong = np.abs(found - truth) > 0.02
    blocky = np.abs(np.kron(stored / 255, np.ones((2, 2))) - truth) > 0.02
    assert blocky.sum() > 300
    assert wrong.sum() < 0.1 * blocky.sum()


def test_no_new_depths_appear() -> None:
    wide, _, stored = disc_scene()
    assert set(np.unique(np.rint(upsample_depth(wide, unit(stored)) * 255))) == {40, 220}


def test_smooth_surfaces_are_interpolated() -> None:
    ramp = np.repeat(np.arange(0, 200, 2, dtype=np.uint8)[None], 50, axis=0)
    found = upsample_depth(np.full((100, 200, 3), 128, np.uint8), unit(ramp))
    expected = (np.arange(200) - 0.5) / 255
    np.testing.assert_allclose(found[:, 2:-2], np.broadcast_to(expected, (100, 200))[:, 2:-2], atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (61, 83)])
def test_maps_of_any_size_are_accepted(size: tuple[int, int]) -> None:
    depth = np.full(size, 77, np.uint8)
    found = upsample_depth(np.zeros((37, 52, 3), np.uint8), unit(depth))
    np.testing.assert_allclose(found, np.full((37, 52), 77 / 255), atol=1e-6)
