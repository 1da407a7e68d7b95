"""The canvas and the ground."""

import numpy as np
import pytest

from ebb.arrays import Size
from ebb.optics import shapes, textures
from ebb.optics.scenery import Canvas, paint_backdrop, paint_ground

CAMERA = shapes.Pinhole(focal_px=800, centre_x=199.5, horizon_y=100, height_m=0.4, width=400, height=300)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return textures.fractal_noise(np.random.default_rng(0), 256)


def test_paste_averages_edges_and_keeps_depth_apart() -> None:
    canvas = Canvas(Size(20, 10))
    covered = np.zeros((8, 8), bool)
    covered[:, :5] = True  # two and a half pixels
    canvas.paste(
        shapes.Patch(4, 2, np.ones((8, 8, 3), np.float32), covered, np.full((8, 8), 0.5, np.float32))
    )
    np.testing.assert_allclose(canvas.rgb[1, :7, 0], [0, 0, 1, 1, 0.5, 0, 0])
    assert canvas.depth_m[1].tolist()[:6] == [np.inf, np.inf, 2.0, 2.0, np.inf, np.inf]
    canvas.paste(None)


def test_ground_is_a_plane(noise: np.ndarray) -> None:
    canvas = Canvas(Size(200, 150))
    paint_ground(canvas, CAMERA, np.random.default_rng(0), noise, far_m=20)
    row = np.arange(150)
    expected = 400 * 0.4 / (row + 0.25 - 50)
    ground = (row > 50) & (expected < 20)
    np.testing.assert_allclose(canvas.depth_m[ground, 7], expected[ground], rtol=1e-5)
    assert np.isinf(canvas.depth_m[~ground]).all()
    assert canvas.rgb[ground].std() > 0.01


def test_far_ground_does_not_flicker(noise: np.ndarray) -> None:
    """Without the image pyramid neighbouring pixels near the horizon would be as different as any two."""
    canvas = Canvas(Size(200, 150))
    paint_ground(canvas, CAMERA, np.random.default_rng(2), noise, far_m=60)
    far, near = canvas.rgb[57:62].mean(axis=2), canvas.rgb[130:135].mean(axis=2)
    assert np.abs(np.diff(far, axis=1)).mean() < 1.5 * np.abs(np.diff(near, axis=1)).mean() + 0.005


def test_shadow_darkens_the_foot_only(noise: np.ndarray) -> None:
    canvas = Canvas(Size(200, 150))
    paint_ground(canvas, CAMERA, np.random.default_rng(0), noise, far_m=20)
    before = canvas.rgb.copy()
    canvas.darken(CAMERA, np.array([0, 0.4, 2.5]), 0.05)
    shade = canvas.rgb.mean(axis=2) / before.mean(axis=2).clip(1e-6)
    assert shade[114, 100] == pytest.approx(0.4, abs=0.05)
    assert shade[114, 10] == shade[140, 100] == 1


@pytest.mark.parametrize("seed", range(6))
def test_backdrops_have_far_lights_and_no_holes(noise: np.ndarray, seed: int) -> None:
    canvas = Canvas(Size(200, 150))
    paint_backdrop(canvas, CAMERA, np.random.default_rng(seed), noise, 15.0)
    assert np.isfinite(canvas.rgb).all()
    assert canvas.rgb.max() > 1.5
    assert canvas.rgb.min() >= 0
    assert canvas.depth_m.min() > 10
