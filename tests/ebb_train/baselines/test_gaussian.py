"""Gaussian blur by depth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ebb.progress import SilentProgress
from ebb_train.baselines.calibration import BLURS, DEFAULT_BLUR
from ebb_train.baselines.gaussian import Gaussian, blend_blurred, build
from ebb_train.data.sources import Photos
from tests.helpers.datasets import photos


def test_the_strongest_blur_is_a_gaussian_of_that_sigma() -> None:
    photo = photos(0)[0].astype(np.float32) / 255
    found = blend_blurred(photo, np.full(photo.shape[:2], 2.5, np.float32))
    wanted = cv2.GaussianBlur(photo, (0, 0), 2.5, borderType=cv2.BORDER_REFLECT)
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_no_blur_where_sigma_is_0() -> None:
    photo = photos(0)[0].astype(np.float32) / 255
    sigma = np.zeros(photo.shape[:2], np.float32)
    np.testing.assert_array_equal(blend_blurred(photo, sigma), photo)
    sigma[:, 60:] = 3
    found = blend_blurred(photo, sigma)
    np.testing.assert_allclose(found[:, :60], photo[:, :60], atol=1e-6)
    assert np.abs(found[:, 60:] - photo[:, 60:]).mean() > 0.01


def test_what_is_in_focus_stays_sharp() -> None:
    wide, _, depth = photos(1)
    depth = np.full_like(depth, 60)
    depth[8:24, 12:36] = 220
    found = Gaussian(0.1).render(wide, depth)
    difference = np.abs(found - wide / 255)
    assert difference[24:40, 32:64].max() < 0.01
    assert difference[:8].mean() > 0.02


def test_calibration_recovers_the_blur_of_the_pairs() -> None:
    made = []
    for number in (0, 1):
        wide, _, depth = photos(number, 256, 160)
        shallow = np.rint(Gaussian(BLURS[7]).render(wide, depth) * 255).astype(np.uint8)
        made.append(Photos(str(number), wide, shallow, depth))
    model = build(lambda: made, SilentProgress())
    assert model.blur == BLURS[7]
    assert model.exposure.gain == pytest.approx(1, abs=0.1)  # blurred in sRGB values, some light is lost


def test_pairs_without_depth_calibrate_nothing() -> None:
    wide, shallow, _ = photos(0)
    assert build(lambda: [Photos("a", wide, shallow, None)], SilentProgress()).metadata() == {
        "model": "gaussian",
        "blur": DEFAULT_BLUR,
        "gain": 1.0,
        "corner_gain": 1.0,
        "calibrated_on": 0,
    }
