from __future__ import annotations

import numpy as np
import pytest

from ebb_train.lens.exact_render import coc_map
from ebb_train.lens.silhouettes import KINDS
from ebb_train.lens.surface_scenes import LARGEST_RADIUS_PX, SHARES_OF_KINDS, SurfaceScene, make_surface_scene

SIDE = 64


@pytest.fixture(scope="module")
def scenes() -> list[SurfaceScene]:
    return [make_surface_scene(np.random.default_rng([5, seed]), SIDE) for seed in range(24)]


def test_planes_do_not_meet_within_the_frame(scenes: list[SurfaceScene]) -> None:
    """A nearer surface is nearer everywhere, so that compositing by order is exact."""
    for scene in scenes:
        assert 2 <= len(scene.surfaces) == len(scene.inverse_depth) == len(scene.kinds) <= 5
        y, x = np.mgrid[:SIDE, :SIDE]
        depths = np.array([d + dx * x + dy * y for d, dx, dy in scene.inverse_depth])
        assert 0 <= depths.min() <= depths.max() <= 1
        assert (np.diff(depths, axis=0) > 0.005).all()


def test_coc_follows_from_inverse_depth(scenes: list[SurfaceScene]) -> None:
    for scene in scenes:
        for surface, (d, dx, dy) in zip(scene.surfaces, scene.inverse_depth, strict=True):
            y, x = np.mgrid[:SIDE, :SIDE]
            expected = scene.gain_px * (scene.focus - (d + dx * x + dy * y))
            np.testing.assert_allclose(coc_map(surface, (SIDE, SIDE)), expected, atol=1e-4)


def test_the_largest_radius_is_in_range_or_as_given(scenes: list[SurfaceScene]) -> None:
    for scene in scenes:
        largest = max(np.abs(coc_map(surface, (SIDE, SIDE))).max() for surface in scene.surfaces) / 2
        assert LARGEST_RADIUS_PX[0] - 0.01 <= largest <= LARGEST_RADIUS_PX[1] + 0.01
    scene = make_surface_scene(np.random.default_rng(0), SIDE, 7.7)
    largest = max(np.abs(coc_map(surface, (SIDE, SIDE))).max() for surface in scene.surfaces) / 2
    assert largest == pytest.approx(7.7, abs=0.05)


def test_the_subject_is_in_focus(scenes: list[SurfaceScene]) -> None:
    subjects = [scene for scene in scenes if scene.subject >= 0]
    assert 0.4 < len(subjects) / len(scenes) < 1
    for scene in subjects:
        middle = coc_map(scene.surfaces[scene.subject], (SIDE + 1, SIDE + 1))[SIDE // 2, SIDE // 2]
        assert middle == pytest.approx(0, abs=1e-4)


def test_surfaces(scenes: list[SurfaceScene]) -> None:
    for scene in scenes:
        assert scene.kinds[0] == "background"
        for surface in scene.surfaces:
            side = SIDE + 2 * surface.margin
            assert surface.rgba.shape == (side, side, 4)
            assert surface.rgba.dtype == np.float32
            assert 0 <= surface.rgba[..., 3].min() <= surface.rgba[..., 3].max() <= 1 + 1e-6
            assert surface.rgba[..., :3].min() >= 0
            assert not surface.rgba[surface.rgba[..., 3] == 0].any(), "colour is multiplied by coverage"
        assert (scene.surfaces[0].rgba[..., 3] == 1).all()


def test_there_is_variety(scenes: list[SurfaceScene]) -> None:
    brightest = [max(surface.rgba[..., :3].max() for surface in scene.surfaces) for scene in scenes]
    assert 1 <= sum(value > 2 for value in brightest) < len(scenes), "lights in some scenes"
    assert max(brightest) <= 20 * 1.4
    assert len({kind for scene in scenes for kind in scene.kinds}) >= 7
    assert set(SHARES_OF_KINDS) == set(KINDS)
    assert sum(SHARES_OF_KINDS.values()) == pytest.approx(1)
    assert 0 < sum(scene.aperture.blades > 0 for scene in scenes) < len(scenes) / 2


def test_the_generator_determines_the_scene() -> None:
    first, second = (make_surface_scene(np.random.default_rng(9), SIDE) for _ in range(2))
    assert first.inverse_depth == second.inverse_depth
    for one, other in zip(first.surfaces, second.surfaces, strict=True):
        np.testing.assert_array_equal(one.rgba, other.rgba)
