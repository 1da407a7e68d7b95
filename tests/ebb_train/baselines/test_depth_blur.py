"""Depth maps enlarged to the photo, and the blur that follows from them."""

from __future__ import annotations

import numpy as np
import pytest

from ebb_train.baselines.depth_blur import blur_diameters, full_size_depth
from ebb_train.baselines.focus import estimate_focus


def disc_scene(side: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """A red disc before a blue wall: photo, true depth of every pixel, stored map (means of 2 x 2)."""
    y, x = np.mgrid[:side, :side]
    disc = np.hypot(x - side / 2 + 0.3, y - side / 2) < side / 4
    wide = np.where(disc[..., None], (200, 30, 30), (30, 30, 200)).astype(np.uint8)
    truth = np.where(disc, 220, 40).astype(np.float64)
    stored = np.rint(truth.reshape(side // 2, 2, side // 2, 2).mean(axis=(1, 3))).astype(np.uint8)
    return wide, truth / 255, stored


def test_edges_lie_where_the_photo_has_them() -> None:
    wide, truth, stored = disc_scene()
    found = full_size_depth(wide, stored)
    wrong = np.abs(found - truth) > 0.02
    blocky = np.abs(np.kron(stored / 255, np.ones((2, 2))) - truth) > 0.02
    assert blocky.sum() > 300
    assert wrong.sum() < 0.1 * blocky.sum()


def test_no_depth_appears_that_is_not_there() -> None:
    wide, _, stored = disc_scene()
    assert set(np.unique(np.rint(full_size_depth(wide, stored) * 255))) == {40, 220}


def test_smooth_surfaces_are_interpolated() -> None:
    ramp = np.repeat(np.arange(0, 200, 2, dtype=np.uint8)[None], 50, axis=0)
    found = full_size_depth(np.full((100, 200, 3), 128, np.uint8), ramp)
    expected = (np.arange(200) - 0.5) / 255
    np.testing.assert_allclose(found[:, 2:-2], np.broadcast_to(expected, (100, 200))[:, 2:-2], atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (61, 83)])
def test_any_size_of_map_will_do(size: tuple[int, int]) -> None:
    depth = np.full(size, 77, np.uint8)
    found = full_size_depth(np.zeros((37, 52, 3), np.uint8), depth)
    np.testing.assert_allclose(found, np.full((37, 52), 77 / 255), atol=1e-6)


def test_blur_is_signed_and_a_share_of_the_longer_side() -> None:
    wide, _, stored = disc_scene()
    focus = estimate_focus(stored)
    assert focus == pytest.approx(220 / 255, abs=0.01)
    found = blur_diameters(wide, stored, 0.1)
    assert found[0, 0] == pytest.approx(0.1 * 200 * (focus - 40 / 255), rel=1e-5)
    assert abs(found[100, 100]) < 0.2
    wide_twice = np.kron(wide, np.ones((2, 2, 1), np.uint8))
    assert blur_diameters(wide_twice, stored, 0.1)[0, 0] == pytest.approx(2 * found[0, 0], rel=1e-5)
    near = stored.copy()
    near[:10] = 255
    assert blur_diameters(wide, near, 0.1)[0, 0] < 0
