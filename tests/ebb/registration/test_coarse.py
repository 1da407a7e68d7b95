"""The motion from keypoints: found at the small scale where that shows enough, at the large one where not."""

import numpy as np
import pytest

from ebb.arrays import Size
from ebb.errors import Rejected
from ebb.geometry.homography import corner_error_px
from ebb.geometry.models import MotionModel
from ebb.registration import coarse
from ebb.registration.coarse import Search, coarse_motion
from tests.helpers.textured_pairs import FRAME, TURN, pair

SEARCH = Search(max_keypoints=2000, match_ratio=0.8, threshold_px=1.5, min_inliers=15)


@pytest.fixture
def heights(monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Half of the small test photos, and all of them."""
    looks = [
        look._replace(height=height)
        for look, height in zip(coarse.LOOKS, (FRAME.height // 2, FRAME.height), strict=True)
    ]
    monkeypatch.setattr(coarse, "LOOKS", tuple(looks))
    return looks[0].height, looks[1].height


def detected(monkeypatch: pytest.MonkeyPatch) -> list[Size]:
    """Sizes of the photos in which keypoints are looked for, as they come."""
    sizes = []
    plain = coarse.detect

    def spy(gray: np.ndarray, max_keypoints: int, contrast: float) -> coarse.Keypoints:
        sizes.append(Size(gray.shape[1], gray.shape[0]))
        return plain(gray, max_keypoints, contrast)

    monkeypatch.setattr(coarse, "detect", spy)
    return sizes


def test_half_the_size_is_enough_for_a_photo_with_texture(
    heights: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = detected(monkeypatch)
    found = coarse_motion(*pair(0, blur_left=0), SEARCH)
    assert sizes == [Size(FRAME.width // 2, heights[0])] * 2
    assert found.num_inliers >= coarse.ENOUGH_INLIERS
    assert corner_error_px(found.motion.H_shallow_to_wide, TURN, FRAME).mean() < 0.4


def test_a_photo_with_few_matches_is_searched_at_full_size(
    heights: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coarse, "ENOUGH_INLIERS", 10_000)
    sizes = detected(monkeypatch)
    found = coarse_motion(*pair(0, blur_left=0), SEARCH)
    assert [size.height for size in sizes] == [heights[0]] * 2 + [heights[1]] * 2
    assert corner_error_px(found.motion.H_shallow_to_wide, TURN, FRAME).mean() < 0.2


def test_points_are_those_of_the_photos(heights: tuple[int, int]) -> None:
    found = coarse_motion(*pair(1, blur_left=0), SEARCH)
    inliers = found.motion.inliers
    for points in (found.points_shallow, found.points_wide):
        assert points[inliers].max(axis=0) == pytest.approx(FRAME, rel=0.15)
    assert np.median(np.linalg.norm(found.points_shallow - found.points_wide, axis=1)) < 15


def test_a_named_model_is_the_one_fitted() -> None:
    search = SEARCH._replace(model=MotionModel.SIMILARITY)
    assert coarse_motion(*pair(2, blur_left=0), search).motion.kind is MotionModel.SIMILARITY


def test_plain_ransac_finds_it_too() -> None:
    search = SEARCH._replace(robust="ransac", model=MotionModel.HOMOGRAPHY)
    H = coarse_motion(*pair(2, blur_left=0), search).motion.H_shallow_to_wide
    assert corner_error_px(H, TURN, FRAME).mean() < 0.3


def test_unrelated_photos_are_rejected(heights: tuple[int, int]) -> None:
    (wide, _), (_, shallow) = pair(3), pair(33)
    with pytest.raises(Rejected):
        coarse_motion(wide, shallow, SEARCH)
