"""Similarity and parallax of pairs where the answer is known."""

import cv2
import numpy as np
import pytest

from ebb.quality.agreement import PATCH, Agreement, agreement
from ebb.quality.equal_blur import at_equal_blur
from ebb.quality.exposure import measure_exposure
from ebb.quality.grid import EIGHTH
from ebb.quality.measured_photo import MeasuredPhoto
from tests.helpers.textured_pairs import FRAME, encoded, texture

SCENE = cv2.GaussianBlur(texture(1), (0, 0), 4.0)
SCENE = np.clip((SCENE - SCENE.mean()) * 3 + 0.4, 0.02, 0.95).astype(np.float32)


def compared(wide: np.ndarray, shallow: np.ndarray, H: np.ndarray | None = None) -> Agreement:
    """Agreement of two grey photos, by the exposure that is measured between them."""
    motion = np.eye(3) if H is None else H
    photos = [MeasuredPhoto(np.dstack([photo] * 3)) for photo in (wide, shallow)]
    exposure = measure_exposure(photos[0], photos[1], motion)
    return agreement(at_equal_blur(photos[0], photos[1], motion, exposure))


def displaced(pixels: float) -> np.ndarray:
    """The left two thirds move right by the given number of pixels."""
    shift = np.array([[1.0, 0.0, pixels], [0.0, 1.0, 0.0]])
    moved = cv2.warpAffine(SCENE, shift, FRAME, borderMode=cv2.BORDER_REFLECT)
    out = SCENE.copy()
    border = 2 * FRAME.width // 3
    out[:, :border] = moved[:, :border]
    return out


@pytest.mark.parametrize("blur", [0.0, 4.0, 10.0])
@pytest.mark.parametrize("gain", [0.5, 1.0])
def test_blur_and_exposure_do_not_matter(blur: float, gain: float) -> None:
    shallow = cv2.GaussianBlur(SCENE, (0, 0), blur) if blur else SCENE
    found = compared(encoded(SCENE), encoded(shallow, gain=gain))
    assert found.similarity > 0.95
    assert found.changed_share < 0.02
    assert found.parallax_px < 2


@pytest.mark.parametrize("pixels", [12.0, 30.0])
def test_a_background_that_moved_is_found(pixels: float) -> None:
    found = compared(encoded(SCENE), encoded(displaced(pixels)))
    assert found.parallax_px == pytest.approx(pixels, abs=2)


def test_another_scene_is_not_similar() -> None:
    other = np.ascontiguousarray(SCENE[::-1, ::-1])
    found = compared(encoded(SCENE), encoded(other))
    assert found.similarity < 0.4
    assert found.changed_share > 0.9


def test_a_removed_object_changes_its_share_of_the_frame() -> None:
    other = np.ascontiguousarray(SCENE[::-1, ::-1])
    swapped = SCENE.copy()
    swapped[:, : FRAME.width // 4] = other[:, : FRAME.width // 4]
    assert 0.1 < compared(encoded(SCENE), encoded(swapped)).changed_share < 0.45


def test_the_motion_is_compensated() -> None:
    H = np.array([[1.0, 0.0, 20.0], [0.0, 1.0, -12.0], [0.0, 0.0, 1.0]])
    shallow = cv2.warpPerspective(encoded(SCENE), np.linalg.inv(H), FRAME)
    found = compared(encoded(SCENE), np.asarray(shallow), H)
    assert found.similarity > 0.98
    assert found.parallax_px < 1.5


def test_plain_walls_are_ignored() -> None:
    wall = np.full((200, 300), 128, np.uint8)
    found = compared(wall, wall)
    assert np.isnan(found.similarity)
    assert np.isnan(found.parallax_px)


def test_clipping_by_exposure_is_not_a_change() -> None:
    """Light that fills a third of the frame at the shallow photo's exposure, in focus and out of it."""
    for blur in (0.0, 4.0, 10.0):
        soft = cv2.GaussianBlur(SCENE, (0, 0), blur) if blur else SCENE
        shallow = encoded(soft, gain=2.5)
        assert 0.2 < (shallow == 255).mean() < 0.6
        found = compared(encoded(SCENE), shallow)
        assert found.similarity > 0.95
        assert found.changed_share < 0.02


def test_an_object_brighter_than_expected_is_a_change() -> None:
    """A clipped subject covers ground that is not clipped in the wide photo."""
    wide = encoded(0.5 * SCENE)
    shallow = encoded(0.5 * SCENE, gain=1.5)
    shallow[:, FRAME.width // 3 : FRAME.width // 2] = 255
    found = compared(wide, shallow)
    assert 0.08 < found.changed_share < 0.3
    assert found.similarity < 0.95


def test_lights_of_unknown_brightness_are_ignored() -> None:
    """A light that also clips in the wide photo: its blurred image is ignored."""
    wide = encoded(0.5 * SCENE)
    cv2.circle(wide, (288, 192), 6, 255, cv2.FILLED)
    shallow = encoded(0.5 * SCENE)
    cv2.circle(shallow, (288, 192), 40, 255, cv2.FILLED)
    found = compared(wide, shallow)
    assert found.similarity > 0.95
    assert found.changed_share < 0.02


def test_frames_smaller_than_a_patch_have_no_patches() -> None:
    small = np.zeros((PATCH * EIGHTH - 8, 64), np.uint8)
    assert np.isnan(compared(small, small).similarity)
