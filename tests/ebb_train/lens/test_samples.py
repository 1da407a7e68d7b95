from __future__ import annotations

import numpy as np
import pytest

from ebb_train.lens.depth_errors import DepthErrors
from ebb_train.lens.samples import (
    BORDER_PX,
    HeldOutScene,
    inner,
    make_held_out_scene,
    make_training_photo,
    pack,
    training_errors,
    unpack,
)

SIDE = 96


@pytest.fixture(scope="module")
def scenes() -> list[HeldOutScene]:
    return [
        make_held_out_scene(np.random.default_rng([3, seed]), SIDE, ("none", "hard")) for seed in range(4)
    ]


def l1(picture: np.ndarray, truth: np.ndarray) -> float:
    return float(np.abs(np.clip(picture, 0, 1) - truth / 255).mean())


def test_shapes(scenes: list[HeldOutScene]) -> None:
    cut = SIDE - 2 * BORDER_PX
    for scene in scenes:
        assert scene.photo.shape == scene.light.shape == (SIDE, SIDE, 3)
        assert scene.truth.shape == (cut, cut, 3)
        assert scene.photo.dtype == scene.truth.dtype == np.uint8
        assert scene.exact_coc.shape == (SIDE, SIDE)
        for depth in scene.wrong.values():
            assert depth.shape == (SIDE, SIDE)
            assert 0 <= depth.min() <= depth.max() <= 1
        assert scene.render(scene.wrong["hard"], "hard").shape == (cut, cut, 3)


def test_the_layered_renderer_is_near_the_truth_if_depth_is_exact(scenes: list[HeldOutScene]) -> None:
    """Two renderers that share no code: rays through surfaces, and layers of a photo."""
    exact, wrong = (
        np.mean([l1(scene.render(scene.wrong[name], name), scene.truth) for scene in scenes])
        for name in ("none", "hard")
    )
    unchanged = np.mean([l1(inner(scene.photo) / 255, scene.truth) for scene in scenes])
    assert exact < 0.4 * unchanged
    assert exact < wrong


def test_exact_depth_gives_the_exact_blur(scenes: list[HeldOutScene]) -> None:
    for scene in scenes:
        coc = scene.gain_px * (scene.focus["none"] - scene.wrong["none"])
        np.testing.assert_allclose(coc, scene.exact_coc, atol=1e-3)
        assert not np.array_equal(scene.wrong["hard"], scene.wrong["none"])


def test_the_truth_is_the_photo_where_it_is_in_focus() -> None:
    """Without blur in the whole frame, with the photo's noise and compression."""
    scene = make_held_out_scene(np.random.default_rng(1), SIDE, ("none",), largest_radius_px=0.01)
    photo = inner(scene.photo)
    unclipped = photo.max(axis=2) < 250
    assert np.abs(photo.astype(int) - scene.truth)[unclipped].max() <= 1
    difference = 255 * scene.render(scene.wrong["none"], "none") - photo
    assert np.abs(difference)[unclipped].max() < 2


def test_the_generator_determines_the_scene(scenes: list[HeldOutScene]) -> None:
    again = make_held_out_scene(np.random.default_rng([3, 1]), SIDE, ("none", "hard"))
    np.testing.assert_array_equal(again.truth, scenes[1].truth)
    np.testing.assert_array_equal(again.wrong["hard"], scenes[1].wrong["hard"])


def test_training_photos_are_those_of_the_scenes(scenes: list[HeldOutScene]) -> None:
    photo, depth = make_training_photo(np.random.default_rng([3, 2]), SIDE)
    np.testing.assert_array_equal(photo, scenes[2].photo)
    np.testing.assert_array_equal(depth, scenes[2].wrong["none"])


def test_planes() -> None:
    photo, depth = make_training_photo(np.random.default_rng([3, 0]), SIDE)
    planes = pack(photo, depth)
    assert planes.shape == (5, SIDE, SIDE)
    assert planes.dtype == np.uint8
    found, exact = unpack(planes)
    np.testing.assert_array_equal(found, photo)
    np.testing.assert_allclose(exact, depth, atol=1e-5)
    assert unpack(pack(photo, np.ones_like(depth)))[1].max() == 1


def test_training_errors_are_sometimes_none_and_never_beyond_hard() -> None:
    rng = np.random.default_rng(0)
    drawn = [training_errors(rng) for _ in range(200)]
    clean = sum(errors == DepthErrors() for errors in drawn)
    assert 22 <= clean <= 60
    shifts = [errors.shift_px for errors in drawn if errors != DepthErrors()]
    assert 0.2 * 3 <= min(shifts) < 1
    assert 2 < max(shifts) <= 3
