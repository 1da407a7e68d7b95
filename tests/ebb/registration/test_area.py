"""Motion from sharp areas on scenes without corners; the truth is the motion that was made."""

from __future__ import annotations

import numpy as np
import pytest

from ebb.errors import Reason, Rejected
from ebb.geometry.homography import apply
from ebb.geometry.models import MotionModel
from ebb.registration.area import area_motion
from tests.helpers.posts import posts
from tests.helpers.textured_pairs import TURN, pair, texture

SHIFT = np.array([[1.0, 0, 37.0], [0, 1.0, -22.0], [0, 0, 1.0]])


def test_posts_and_their_ends_determine_the_shift() -> None:
    found = area_motion(*posts(with_ends=True))
    np.testing.assert_allclose(
        apply(found.motion.H_shallow_to_wide, np.array([[500.0, 300.0]])), [[537, 278]], atol=1.0
    )


def test_a_bare_post_determines_the_shift_across_it_only() -> None:
    found = area_motion(*posts(with_ends=False))
    assert apply(found.motion.H_shallow_to_wide, np.array([[500.0, 300.0]]))[0, 0] == pytest.approx(
        537, abs=1.0
    )


def test_a_rotation_is_found_where_the_photo_is_sharp() -> None:
    wide, shallow = pair(3)
    found = area_motion(wide, shallow)
    places = np.array([[500.0, 100.0], [500.0, 300.0], [400.0, 200.0]])  # the right half is in focus
    np.testing.assert_allclose(apply(found.motion.H_shallow_to_wide, places), apply(TURN, places), atol=1.0)
    assert found.motion.kind is MotionModel.SIMILARITY
    assert found.num_inliers >= 12


def test_a_large_shift_is_found() -> None:
    wide, shallow = pair(4, SHIFT, blur_left=0.0)
    found = area_motion(wide, shallow)
    np.testing.assert_allclose(found.motion.H_shallow_to_wide[:2, 2], SHIFT[:2, 2], atol=0.5)


def test_other_scenes_have_no_motion() -> None:
    photos = [(255 * texture(seed)).astype(np.uint8) for seed in (1, 2)]
    with pytest.raises(Rejected) as caught:
        area_motion(*photos)
    assert caught.value.reason is Reason.TOO_FEW_MATCHES


@pytest.mark.parametrize("value", [0, 128, 255])
def test_plain_photos_have_nothing_sharp(value: int) -> None:
    plain = np.full((512, 768), value, np.uint8)
    with pytest.raises(Rejected, match="0 patches are sharp, fewer than 8"):
        area_motion(plain, plain)


def test_a_repeated_pattern_gives_no_motion() -> None:
    x, y = np.meshgrid(np.arange(768), np.arange(512))
    grid = np.where((x // 16 + y // 16) % 2, 180, 60).astype(np.uint8)
    with pytest.raises(Rejected, match="no shift"):
        area_motion(grid, np.roll(grid, 7, axis=1))


@pytest.mark.parametrize("shape", [(1, 1), (40, 40), (63, 700), (300, 33)])
def test_small_photos_are_refused(shape: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    with pytest.raises(Rejected):
        area_motion(photo, photo)
