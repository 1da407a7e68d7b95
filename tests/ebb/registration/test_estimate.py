"""The motion at detection height."""

from __future__ import annotations

import numpy as np
import pytest

from ebb.geometry.homography import corner_error_px, transfer_error_px
from ebb.photo.frame import DevelopedFrame
from ebb.registration.detection import detection_photo
from ebb.registration.estimate import find_motion
from ebb.settings import AlignSettings
from tests.ebb.registration.test_register import BACK, moved
from tests.helpers.captures import scene
from tests.helpers.posts import posts


@pytest.mark.parametrize(("motion", "kind"), [("auto", "translation"), ("rotation", "rotation")])
def test_a_shift_is_found_with_the_model_that_was_asked_for(motion: str, kind: str) -> None:
    wide = scene(0)
    photos = detection_photo(DevelopedFrame(wide)), detection_photo(DevelopedFrame(moved(wide)))
    found = find_motion(*photos, AlignSettings(motion=motion))  # type: ignore[arg-type]
    enlarged = BACK.copy()
    enlarged[:2, 2] *= photos[0].scale[1]
    assert found.refinement.kind == kind
    assert corner_error_px(found.refinement.H_shallow_to_wide, enlarged, photos[0].size).max() < 0.15
    assert len(found.points_wide) == len(found.points_shallow) == len(found.motion.inliers)


@pytest.mark.parametrize("threshold", [1.5, 0.3])
def test_the_threshold_is_in_pixels_at_1024_px_height(threshold: float) -> None:
    wide = scene(0)
    photos = detection_photo(DevelopedFrame(wide)), detection_photo(DevelopedFrame(moved(wide)))
    found = find_motion(*photos, AlignSettings(ransac_threshold_px=threshold))
    errors = transfer_error_px(found.motion.H_shallow_to_wide, found.points_shallow, found.points_wide)
    np.testing.assert_array_equal(found.motion.inliers, errors * 1024 / 640 < threshold)


@pytest.mark.parametrize("with_ends", [True, False])
def test_subjects_without_corners_are_registered(with_ends: bool) -> None:
    """The true shift is 37 px to the left and 22 px up; bare posts do not determine the latter."""
    photos = tuple(
        detection_photo(DevelopedFrame(np.repeat(photo[..., None], 3, axis=2)))
        for photo in posts(with_ends=with_ends)
    )
    found = find_motion(photos[0], photos[1], AlignSettings())
    scale = photos[0].scale[1]
    moved_by = found.refinement.H_shallow_to_wide[:2, 2] / scale
    assert moved_by[0] == pytest.approx(37, abs=0.5)
    if with_ends:
        assert moved_by[1] == pytest.approx(-22, abs=0.5)
