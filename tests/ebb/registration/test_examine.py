"""Registration that continues after a gate rejects the pair."""

from __future__ import annotations

import numpy as np

from ebb.errors import Reason
from ebb.photo.frame import DevelopedFrame
from ebb.registration.examine import examine
from ebb.registration.register import register
from ebb.settings import AlignSettings
from tests.ebb.registration.test_register import moved
from tests.helpers.captures import scene

SETTINGS = AlignSettings(height=256, min_blur_px=0)


def test_a_good_pair_is_registered() -> None:
    wide = scene(0)
    found = examine(DevelopedFrame(wide), DevelopedFrame(moved(wide)), SETTINGS, None)
    assert found.rejections == []
    assert found.registration is not None
    assert found.registration.measurements == register(wide, moved(wide), SETTINGS).measurements
    assert found.inliers.sum() == found.registration.measurements.num_inliers


def test_every_gate_is_reported_once() -> None:
    wide = scene(0)
    burnt = np.maximum(moved(wide), np.where(np.arange(480)[:, None] < 240, 255, 0).astype(np.uint8))
    strict = AlignSettings(height=512, min_overlap=1.0, max_clipped=0.2)
    found = examine(DevelopedFrame(wide), DevelopedFrame(burnt), strict, None)
    reasons = [rejection.reason for rejection in found.rejections]
    assert reasons[0] is Reason.EXPOSURE_MISMATCH
    assert sum("overexposed" in rejection.message for rejection in found.rejections) == 1
    assert Reason.LOW_OVERLAP in reasons
    assert reasons[-1] is Reason.TOO_SMALL
    assert found.registration is not None


def test_without_a_motion_the_matches_are_shown() -> None:
    found = examine(DevelopedFrame(scene(0)), DevelopedFrame(scene(1)), SETTINGS, None)
    assert (found.estimate, found.registration) == (None, None)
    assert len(found.points_shallow) == len(found.points_wide) == len(found.inliers)
    assert not found.inliers.any()
    assert found.rejections[0].reason in (Reason.TOO_FEW_MATCHES, Reason.TOO_FEW_INLIERS)
