"""Refinement: better than its start, and never worse."""

import numpy as np
import pytest

from ebb.geometry.homography import corner_error_px
from ebb.geometry.models import Motion, MotionModel
from ebb.registration.refinement import MIN_TILES, refine, sharp_in_both, usable
from ebb.registration.tiles import band, measure, pyramid
from tests.helpers.textured_pairs import FRAME, TURN, pair

NONE = np.zeros(0, bool)
OFF = np.array([[1.0008, 0.0003, -0.4], [-0.0004, 0.9994, 0.5], [0.0, 0.0, 1.0]])


def start(H: np.ndarray, kind: MotionModel = MotionModel.SIMILARITY) -> Motion:
    return Motion(H, NONE, kind)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("gain", "noise"), [(1.0, 0.003), (0.6, 0.01)])
def test_a_motion_that_is_half_a_pixel_off_is_corrected(seed: int, gain: float, noise: float) -> None:
    """Only the right half is in focus; the error is that at the four corners of the frame."""
    wide, shallow = pair(seed, gain=gain, noise=noise)
    before = start(OFF @ TURN)
    found = refine(pyramid(wide), pyramid(shallow), before)
    assert corner_error_px(before.H_shallow_to_wide, TURN, FRAME).mean() > 0.3
    assert corner_error_px(found.H_shallow_to_wide, TURN, FRAME).mean() < 0.08


def test_in_focus_is_where_both_are_sharp() -> None:
    wide, shallow = pair(7)
    found = refine(pyramid(wide), pyramid(shallow), start(TURN))
    columns = found.tiles.centres[:, 0]
    assert found.in_focus[columns > 0.6 * FRAME.width].mean() > 0.95
    assert found.in_focus[columns < 0.35 * FRAME.width].mean() < 0.05


@pytest.mark.parametrize("model", [MotionModel.TRANSLATION, MotionModel.SIMILARITY, MotionModel.HOMOGRAPHY])
def test_a_named_model_is_kept(model: MotionModel) -> None:
    wide, shallow = pair(8)
    found = refine(pyramid(wide), pyramid(shallow), start(OFF @ TURN, model), model)
    assert found.kind is model


def test_nothing_in_focus_keeps_the_motion() -> None:
    wide, _ = pair(9)
    _, unrelated = pair(99)
    motion = start(TURN)
    found = refine(pyramid(wide), pyramid(unrelated), motion)
    assert found.in_focus.sum() < MIN_TILES
    np.testing.assert_array_equal(found.H_shallow_to_wide, TURN)


def test_a_worse_fit_is_not_kept() -> None:
    """A translation cannot follow a turn; a start that can stays."""
    wide, shallow = pair(10)
    found = refine(pyramid(wide), pyramid(shallow), start(TURN), MotionModel.TRANSLATION)
    np.testing.assert_array_equal(found.H_shallow_to_wide, TURN)


def test_equal_photos_give_equal_motions() -> None:
    wide, shallow = pair(11)
    first, second = (refine(pyramid(wide), pyramid(shallow), start(OFF @ TURN)) for _ in range(2))
    assert first.H_shallow_to_wide.tobytes() == second.H_shallow_to_wide.tobytes()


def test_noise_is_not_in_focus() -> None:
    rng = np.random.default_rng(0)
    a, b = (np.clip(120 + 6 * rng.standard_normal((256, 256)), 0, 255).astype(np.uint8) for _ in range(2))
    assert not sharp_in_both(measure(band(a), band(b), np.eye(3))).any()


def test_what_is_in_focus_is_usable() -> None:
    wide, shallow = pair(12, blur_left=2.0, noise=0.02)
    tiles = measure(band(wide), band(shallow), TURN)
    assert 0 < sharp_in_both(tiles).sum() < usable(tiles).sum()
    assert usable(tiles)[sharp_in_both(tiles)].all()


def test_blurred_tiles_stabilise_the_far_side_of_the_frame() -> None:
    """Two thirds are out of focus; half and quarter size still see them."""
    errors = []
    for seed in range(4):
        wide, shallow = pair(20 + seed, blur_left=3.0, noise=0.02)
        found = (
            refine(pyramid(wide)[:count], pyramid(shallow)[:count], start(OFF @ TURN)) for count in (1, 3)
        )
        errors.append([corner_error_px(one.H_shallow_to_wide, TURN, FRAME)[[0, 3]].mean() for one in found])
    finest_only, all_sizes = np.mean(errors, axis=0)
    assert all_sizes < finest_only
