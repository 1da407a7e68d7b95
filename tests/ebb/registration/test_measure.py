"""One pair measures the same, in pixels at 1024 px height, at whatever height it is looked at."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pytest

from ebb.photo.decode import decode
from ebb.photo.frame import DevelopedFrame
from ebb.registration.detection import detection_photo
from ebb.registration.estimate import find_motion
from ebb.registration.measure import Registration, measure
from ebb.settings import AlignSettings
from tests.ebb.registration.test_register import moved
from tests.helpers.captures import SAMPLE, scene

SETTINGS = AlignSettings(motion="rotation")

FLOORS = {
    "residual_px": 0.04,
    "residual_p95_px": 0.1,
    "clipped_wide": 0.01,
    "clipped_shallow": 0.01,
    "coverage": 1 / 16,
    "stretch": 1e-4,
    "perspective": 1e-3,
    "keypoint_residual_px": 0.05,
    "focus_mismatch": 0.02,
    "uncertainty_px": 0.01,
}
"""Differences that say nothing: a tile errs by 0.02 px at 1024 px height at best, twice that at half the
height, and the worst twentieth by more; averaging a pixel with darker neighbours unclips it; one cell of
coverage; the rest is the noise of keypoints."""


@lru_cache
def at(height: int, *, portrait: bool) -> Registration:
    """The sample pair with parallax, looked at with the detail of a height."""
    paths = (SAMPLE / "captures" / f"IMG_030{number}.JPG" for number in (5, 6))
    photos = [decode(path.read_bytes(), ".jpg", 1) for path in paths]
    frames = [
        DevelopedFrame(np.ascontiguousarray(np.rot90(photo)) if portrait else photo) for photo in photos
    ]
    wide, shallow = (detection_photo(frame, height) for frame in frames)
    return measure(wide, shallow, find_motion(wide, shallow, SETTINGS), SETTINGS, None)


@pytest.mark.parametrize("portrait", [False, True], ids=["landscape", "portrait"])
@pytest.mark.parametrize("height", [512, 768])
def test_measurements_do_not_depend_on_the_detection_height(height: int, portrait: bool) -> None:
    expected = at(1024, portrait=portrait).measurements.as_dict()
    found = at(height, portrait=portrait).measurements.as_dict()
    found["defocus_native_px"] *= 1024 / height  # the one length in other pixels
    assert expected.keys() == found.keys()
    wrong = {
        name: (found[name], value)
        for name, value in expected.items()
        if not math.isclose(found[name], value, rel_tol=0.1, abs_tol=FLOORS.get(name, 0.0))
    }
    assert wrong == {}


def test_the_pair_has_something_to_measure() -> None:
    """Otherwise the previous test would compare noise with noise."""
    measured = at(1024, portrait=False).measurements
    assert measured.parallax_px > 4
    assert measured.defocus_px > 20
    assert measured.residual_px > 0.15


@pytest.mark.parametrize("portrait", [False, True], ids=["landscape", "portrait"])
def test_the_map_of_defocus_is_the_same(portrait: bool) -> None:
    maps = [at(height, portrait=portrait).defocus_map for height in (512, 1024)]
    for small, large in zip(*maps, strict=True):
        if small is not None and large is not None:
            assert small == pytest.approx(large, rel=0.2, abs=2.0)


def test_lengths_of_a_very_small_photo_are_converted() -> None:
    """A photo of 320 px height has 640 when it is enlarged: one of its pixels is 1.6 at 1024."""
    wide = scene(0)
    photos = detection_photo(DevelopedFrame(wide)), detection_photo(DevelopedFrame(moved(wide)))
    estimate = find_motion(*photos, SETTINGS)
    registration = measure(*photos, estimate, SETTINGS, None)
    refined = estimate.refinement
    misses = np.linalg.norm(refined.tiles.shifts_of_regions(refined.in_focus), axis=1)
    assert photos[0].unit_px == 1.6
    assert registration.measurements.residual_px == pytest.approx(float(np.median(misses)))
    assert registration.measurements.defocus_native_px == pytest.approx(
        registration.measurements.defocus_p90_px * 400 / 1024
    )
