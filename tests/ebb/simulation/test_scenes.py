"""Scenes: deterministic, deep, textured at every depth, and only the subject moves when it is told to."""

import cv2
import numpy as np
import pytest

from ebb.arrays import Size
from ebb.errors import UsageError
from ebb.simulation.scenes import Scene, make_scene, margin_px
from ebb.srgb import encode_srgb

SIZE = Size(432, 288)
FOCAL = 50 / 22.3 * 432


def scene(seed: int, shift: float = 0.0) -> Scene:
    return make_scene(np.random.default_rng(seed), SIZE, focal_px=FOCAL, subject_shift=shift)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [scene(seed) for seed in range(4)]


def test_shapes_and_ranges(scenes: list[Scene]) -> None:
    for made in scenes:
        assert made.size == SIZE
        assert made.rgb.shape == (SIZE.height + 2 * made.margin, SIZE.width + 2 * made.margin, 3)
        assert made.rgb.dtype == made.depth_m.dtype == np.float32
        assert np.isfinite(made.rgb).all()
        assert made.rgb.min() >= 0
        assert made.depth_m.min() > 0.2
        assert 0.05 < np.median(made.rgb) < 0.8
        assert 1.2 <= made.focus_m <= 4


def test_something_is_in_focus_and_much_is_not(scenes: list[Scene]) -> None:
    for made in scenes:
        relative = made.depth_m / made.focus_m
        assert (np.abs(relative - 1) < 0.1).mean() > 0.02
        assert (relative > 1.5).mean() > 0.1
    assert max(made.rgb.max() for made in scenes) > 5, "no lights anywhere"


def test_texture_for_alignment_at_every_depth(scenes: list[Scene]) -> None:
    sift = cv2.SIFT_create(contrastThreshold=0.02)
    near = far = 0
    for made in scenes:
        grey = cv2.cvtColor(encode_srgb(made.rgb), cv2.COLOR_RGB2GRAY)
        points = np.array([point.pt for point in sift.detect(grey, None)]).round().astype(int)
        relative = made.depth_m[points[:, 1], points[:, 0]] / made.focus_m
        assert len(points) > 300
        near += int((relative < 1.2).sum())
        far += int((relative > 1.5).sum())
    assert near > 400
    assert far > 400


def test_equal_seeds_make_equal_scenes(scenes: list[Scene]) -> None:
    again = scene(0)
    np.testing.assert_array_equal(again.rgb, scenes[0].rgb)
    np.testing.assert_array_equal(again.depth_m, scenes[0].depth_m)
    assert (scenes[1].rgb != scenes[0].rgb).any()


def test_only_the_subject_moves(scenes: list[Scene]) -> None:
    moved = scene(1, shift=0.3)
    changed = np.abs(moved.depth_m - scenes[1].depth_m) > 1e-6
    assert 0.02 < changed.mean() < 0.6
    nearer = np.minimum(moved.depth_m, scenes[1].depth_m)[changed]
    assert (np.abs(np.median(nearer) / moved.focus_m - 1)) < 0.15


def test_too_small() -> None:
    with pytest.raises(UsageError, match="at least 64 pixels a side"):
        make_scene(np.random.default_rng(0), Size(40, 400), focal_px=100)


def test_bright_parts_are_just_below_white(scenes: list[Scene]) -> None:
    """Exposed as by a light meter: only lights are above diffuse white."""
    for made in scenes:
        assert np.percentile(made.rgb.max(axis=2), 97) == pytest.approx(0.8, rel=0.1)
        assert (made.rgb.max(axis=2) > 1).mean() < 0.03


def test_depth_of_the_ground_falls_towards_the_camera(scenes: list[Scene]) -> None:
    for made in scenes:
        rows = np.median(made.depth_m, axis=1)
        assert rows[-1] < rows[len(rows) // 2]
        assert rows[-1] < 1.2 * made.focus_m


def test_portraits_are_scenes_as_well() -> None:
    tall = make_scene(np.random.default_rng(3), Size(SIZE.height, SIZE.width), focal_px=FOCAL)
    assert tall.size == (SIZE.height, SIZE.width)
    assert tall.margin == margin_px(SIZE)
    assert (np.abs(tall.depth_m / tall.focus_m - 1) < 0.1).any()


@pytest.mark.parametrize("shift", [-0.25, 0.25])
def test_the_subject_moves_by_the_given_shift(shift: float) -> None:
    """What was uncovered lies on one side of what was covered, by about the shift."""
    moves = []
    half = Size(SIZE.width // 2, SIZE.height // 2)
    for seed in range(4):
        still, moved = (
            make_scene(np.random.default_rng(seed), half, focal_px=FOCAL / 2, subject_shift=subject_shift)
            for subject_shift in (0.0, shift)
        )
        nearer = moved.depth_m < 0.95 * still.depth_m
        farther = moved.depth_m > 1.05 * still.depth_m
        if min(nearer.sum(), farther.sum()) > 120:
            columns = np.arange(still.depth_m.shape[1])
            place = [(mask.sum(axis=0) * columns).sum() / mask.sum() for mask in (nearer, farther)]
            moves.append((place[0] - place[1]) / half.width)
    assert len(moves) >= 2
    assert np.sign(np.median(moves)) == np.sign(shift)
    assert abs(np.median(moves)) > 0.12
