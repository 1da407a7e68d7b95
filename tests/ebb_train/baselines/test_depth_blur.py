"""The blur that follows from a depth map."""

from __future__ import annotations

import numpy as np
import pytest

from ebb.bokeh.focus import estimate_focus
from ebb_train.baselines.depth_blur import blur_diameters


def disc_scene(side: int = 200) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """A red disc before a blue wall: photo, stored map (means of 2 x 2)."""
    y, x = np.mgrid[:side, :side]
    disc = np.hypot(x - side / 2 + 0.3, y - side / 2) < side / 4
    wide = np.where(disc[..., None], (200, 30, 30), (30, 30, 200)).astype(np.uint8)
    truth = np.where(disc, 220, 40).astype(np.float64)
    stored = np.rint(truth.reshape(side // 2, 2, side // 2, 2).mean(axis=(1, 3))).astype(np.uint8)
    return wide, stored


def test_blur_is_signed_and_a_share_of_the_longer_side() -> None:
    wide, stored = disc_scene()
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
