"""Registration of arrays: against known motions, and what is refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ebb.arrays import Size
from ebb.errors import Reason, Rejected
from ebb.geometry.homography import corner_error_px
from ebb.photo.frame import DevelopedFrame
from ebb.registration.detection import detection_photo
from ebb.registration.register import check_exposure, register
from ebb.settings import AlignSettings
from tests.helpers.captures import SHIFT, SIZE, scene

BACK = np.array([[1.0, 0.0, -SHIFT[0]], [0.0, 1.0, -SHIFT[1]], [0.0, 0.0, 1.0]])

SHARP = AlignSettings(min_blur_px=0)
"""Both photos of these pairs are sharp."""


def moved(photo: np.ndarray) -> np.ndarray:
    motion = np.array([[1, 0, SHIFT[0]], [0, 1, SHIFT[1]]], np.float64)
    return cv2.warpAffine(photo, motion, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_shift_of_an_array_is_found_in_its_own_pixels(dtype: type) -> None:
    wide = scene(0).astype(dtype) * (257 if dtype is np.uint16 else 1)
    found = register(wide, moved(wide), SHARP)
    assert found.H_shallow_to_wide.dtype == np.float64
    assert corner_error_px(found.H_shallow_to_wide, BACK, Size(*SIZE)).max() < 0.05
    assert found.crop.width in range(SIZE[0] - 12, SIZE[0] - 5)
    assert found.motion_model == "translation"
    assert len(found.defocus_map) == 16


def test_a_frame_and_its_array_are_the_same() -> None:
    wide = scene(1)
    shallow = moved(wide)
    as_array, as_frame = (
        register(wide, shallow, SHARP),
        register(DevelopedFrame(wide), DevelopedFrame(shallow), SHARP),
    )
    np.testing.assert_array_equal(as_array.H_shallow_to_wide, as_frame.H_shallow_to_wide)
    assert as_array.measurements == as_frame.measurements


def test_photos_of_different_sizes() -> None:
    wide = scene(2)
    small = cv2.resize(wide, (360, 240), interpolation=cv2.INTER_AREA)
    expected = np.array([[4 / 3, 0, 1 / 6], [0, 4 / 3, 1 / 6], [0, 0, 1]])
    found = register(wide, small, SHARP)
    assert corner_error_px(found.H_shallow_to_wide, expected, Size(360, 240)).max() < 0.1
    assert found.measurements.scale_max == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "photo", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), np.zeros((8, 8, 4), np.uint8)]
)
def test_arrays_that_are_not_photos_are_refused(photo: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"a photo is \(height, width, 3\) of uint8 or uint16, not \(8, 8"):
        register(photo, scene(0))


def test_two_scenes_are_refused() -> None:
    with pytest.raises(Rejected) as caught:
        register(scene(0), scene(1))
    assert caught.value.reason in (Reason.TOO_FEW_MATCHES, Reason.TOO_FEW_INLIERS)


def test_a_limit_is_a_setting() -> None:
    wide = scene(0)
    with pytest.raises(Rejected, match="of the frame, less than 100%") as caught:
        register(wide, moved(wide), AlignSettings(min_overlap=1.0))
    assert caught.value.reason is Reason.LOW_OVERLAP
    assert 0.9 < caught.value.measurements["overlap"] < 1


def test_exposure_is_checked_first() -> None:
    white = np.full_like(scene(0), 255)
    photos = detection_photo(DevelopedFrame(scene(0))), detection_photo(DevelopedFrame(white))
    with pytest.raises(Rejected, match="100% of the shallow photo is overexposed"):
        check_exposure(*photos, AlignSettings())
    with pytest.raises(Rejected, match="100% of the shallow photo is overexposed"):
        register(scene(0), white)
