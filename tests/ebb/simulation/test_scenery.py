"""The canvas and the ground."""

import dataclasses

import cv2
import numpy as np
import pytest

from ebb.arrays import Size
from ebb.simulation import shapes, textures
from ebb.simulation.scenery import RgbdCanvas, paint_backdrop, paint_ground

CAMERA = shapes.Pinhole(focal_px=800, centre_x=199.5, horizon_y=100, height_m=0.4, width=400, height=300)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return textures.fractal_noise(np.random.default_rng(0), 256)


def test_paste_averages_edges_and_keeps_depth_apart() -> None:
    canvas = RgbdCanvas(Size(20, 10))
    covered = np.zeros((8, 8), bool)
    covered[:, :5] = True  # two and a half pixels
    canvas.paste(
        shapes.Patch(4, 2, np.ones((8, 8, 3), np.float32), covered, np.full((8, 8), 0.5, np.float32))
    )
    np.testing.assert_allclose(canvas.rgb[1, :7, 0], [0, 0, 1, 1, 0.5, 0, 0])
    assert canvas.depth_m[1].tolist()[:6] == [np.inf, np.inf, 2.0, 2.0, np.inf, np.inf]
    canvas.paste(None)


def test_ground_is_a_plane(noise: np.ndarray) -> None:
    canvas = RgbdCanvas(Size(200, 150))
    paint_ground(canvas, CAMERA, np.random.default_rng(0), noise, far_m=20)
    row = np.arange(150)
    expected = 400 * 0.4 / (row + 0.25 - 50)
    ground = (row > 50) & (expected < 20)
    np.testing.assert_allclose(canvas.depth_m[ground, 7], expected[ground], rtol=1e-5)
    assert np.isinf(canvas.depth_m[~ground]).all()
    assert canvas.rgb[ground].std() > 0.01


def test_far_ground_does_not_flicker(noise: np.ndarray) -> None:
    """Without the image pyramid neighbouring pixels near the horizon would be as different as any two."""
    canvas = RgbdCanvas(Size(200, 150))
    paint_ground(canvas, CAMERA, np.random.default_rng(2), noise, far_m=60)
    far, near = canvas.rgb[57:62].mean(axis=2), canvas.rgb[130:135].mean(axis=2)
    assert np.abs(np.diff(far, axis=1)).mean() < 1.5 * np.abs(np.diff(near, axis=1)).mean() + 0.005


def test_shadow_darkens_the_foot_only(noise: np.ndarray) -> None:
    canvas = RgbdCanvas(Size(200, 150))
    paint_ground(canvas, CAMERA, np.random.default_rng(0), noise, far_m=20)
    before = canvas.rgb.copy()
    canvas.darken(CAMERA, np.array([0, 0.4, 2.5]), 0.05)
    shade = canvas.rgb.mean(axis=2) / before.mean(axis=2).clip(1e-6)
    assert shade[114, 100] == pytest.approx(0.4, abs=0.05)
    assert shade[114, 10] == shade[140, 100] == 1


@pytest.mark.parametrize("seed", range(6))
def test_backdrops_have_far_lights_and_no_holes(noise: np.ndarray, seed: int) -> None:
    canvas = RgbdCanvas(Size(200, 150))
    paint_backdrop(canvas, CAMERA, np.random.default_rng(seed), noise, 15.0)
    assert np.isfinite(canvas.rgb).all()
    assert canvas.rgb.max() > 1.5
    assert canvas.rgb.min() >= 0
    assert canvas.depth_m.min() > 10


def test_later_patches_cover_earlier_ones() -> None:
    canvas = RgbdCanvas(Size(10, 10))
    whole = np.ones((20, 20), bool)
    for level, depth in ((0.2, 4.0), (0.7, 2.0)):
        colour = np.full((20, 20, 3), level, np.float32)
        canvas.paste(shapes.Patch(0, 0, colour, whole, np.full((20, 20), 1 / depth, np.float32)))
    np.testing.assert_allclose(canvas.rgb, 0.7)
    np.testing.assert_allclose(canvas.depth_m, 2.0)


def test_an_edge_mixes_colours_but_never_depths() -> None:
    """A mean of near and far depths would be a surface that does not exist."""
    canvas = RgbdCanvas(Size(12, 12))
    canvas.rgb[:], canvas.depth_m[:] = 0.1, 8.0
    y, x = np.mgrid[:24, :24]
    disc = np.hypot(x - 11.5, y - 11.5) < 8
    canvas.paste(
        shapes.Patch(0, 0, np.full((24, 24, 3), 0.9, np.float32), disc, np.full((24, 24), 1.0, "f4"))
    )
    assert set(np.unique(canvas.depth_m)) == {1.0, 8.0}
    assert ((canvas.rgb > 0.11) & (canvas.rgb < 0.89)).any()
    light = (canvas.rgb[..., 0] - 0.1).sum() / 0.8
    assert light == pytest.approx(disc.sum() / 4, rel=1e-4), "coverage is kept"


def test_a_slanted_patch_keeps_its_depth_at_its_own_edge() -> None:
    canvas = RgbdCanvas(Size(8, 4))
    covered = np.ones((8, 16), bool)
    covered[:, 9:] = False  # half a pixel of the fifth column
    inverse = np.linspace(0.5, 1.0, 16, dtype=np.float32)[None].repeat(8, axis=0)
    canvas.paste(shapes.Patch(0, 0, np.ones((8, 16, 3), np.float32), covered, inverse))
    np.testing.assert_allclose(
        1 / canvas.depth_m[0, :4], inverse[0, :8].reshape(4, 2).mean(axis=1), rtol=1e-6
    )
    assert np.isinf(canvas.depth_m[0, 5:]).all()


def test_shadow_outside_the_picture_is_none(noise: np.ndarray) -> None:
    canvas = RgbdCanvas(Size(200, 150))
    paint_ground(canvas, CAMERA, np.random.default_rng(0), noise, far_m=20)
    before = canvas.rgb.copy()
    canvas.darken(CAMERA, np.array([50.0, 0.4, 2.5]), 0.05)
    np.testing.assert_array_equal(canvas.rgb, before)


@pytest.mark.parametrize("horizon", [-200.0, 20.0])
def test_looking_down_there_is_a_wall_and_no_sky(noise: np.ndarray, horizon: float) -> None:
    camera = dataclasses.replace(CAMERA, horizon_y=horizon)
    canvas = RgbdCanvas(Size(200, 150))
    paint_backdrop(canvas, camera, np.random.default_rng(1), noise, 15.0)
    assert np.isfinite(canvas.depth_m).all()
    assert np.median(canvas.depth_m) == pytest.approx(15, rel=0.02)


def test_lights_are_small_bright_and_far(noise: np.ndarray) -> None:
    found = []
    for seed in range(8):
        canvas = RgbdCanvas(Size(200, 150))
        paint_backdrop(canvas, CAMERA, np.random.default_rng(seed), noise, 15.0)
        lights = canvas.rgb.max(axis=2) > 1.5
        number, _, facts, _ = cv2.connectedComponentsWithStats(lights.astype(np.uint8))
        found += facts[1:number, cv2.CC_STAT_AREA].tolist()
        assert canvas.depth_m[lights].min() >= 0.9 * 15.0
    assert len(found) > 20
    assert np.median(found) <= 25
