"""Similarity and parallax of pairs where the answer is known."""

import cv2
import numpy as np
import pytest

from ebb.quality.agreement import PATCH, REDUCTION, agreement
from tests.photographed import FRAME, encoded, texture

SCENE = cv2.GaussianBlur(texture(1), (0, 0), 4.0)
SCENE = np.clip((SCENE - SCENE.mean()) * 3 + 0.4, 0.02, 0.95).astype(np.float32)


def displaced(pixels: float) -> np.ndarray:
    """The left two thirds move right by so many pixels."""
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
    found = agreement(encoded(SCENE), encoded(shallow, gain=gain), np.eye(3))
    assert found.similarity > 0.95
    assert found.changed_share < 0.02
    assert found.parallax_px < 2
    assert found.num_patches > 20


@pytest.mark.parametrize("pixels", [12.0, 30.0])
def test_a_background_that_moved_is_found(pixels: float) -> None:
    found = agreement(encoded(SCENE), encoded(displaced(pixels)), np.eye(3))
    assert found.parallax_px == pytest.approx(pixels, abs=2)


def test_another_scene_is_not_similar() -> None:
    other = np.ascontiguousarray(SCENE[::-1, ::-1])
    found = agreement(encoded(SCENE), encoded(other), np.eye(3))
    assert found.similarity < 0.4
    assert found.changed_share > 0.9


def test_a_thing_that_went_away_changes_its_share_of_the_frame() -> None:
    other = np.ascontiguousarray(SCENE[::-1, ::-1])
    swapped = SCENE.copy()
    swapped[:, : FRAME.width // 4] = other[:, : FRAME.width // 4]
    assert 0.1 < agreement(encoded(SCENE), encoded(swapped), np.eye(3)).changed_share < 0.45


def test_the_motion_is_taken_out() -> None:
    H = np.array([[1.0, 0.0, 20.0], [0.0, 1.0, -12.0], [0.0, 0.0, 1.0]])
    shallow = cv2.warpPerspective(encoded(SCENE), np.linalg.inv(H), FRAME)
    found = agreement(encoded(SCENE), np.asarray(shallow), H)
    assert found.similarity > 0.98
    assert found.parallax_px < 1.5


def test_plain_walls_say_nothing() -> None:
    wall = np.full((200, 300), 128, np.uint8)
    found = agreement(wall, wall, np.eye(3))
    assert found.num_patches == 0
    assert np.isnan(found.similarity)
    assert np.isnan(found.parallax_px)


def test_what_clips_in_the_shallow_photo_is_left_out() -> None:
    shallow = encoded(SCENE)
    clipped = shallow.copy()
    clipped[:, : FRAME.width // 2] = 255
    whole, half = (agreement(encoded(SCENE), photo, np.eye(3)) for photo in (shallow, clipped))
    assert 0 < half.num_patches < whole.num_patches
    assert half.similarity > 0.9


def test_frames_smaller_than_a_patch_do_not_break_it() -> None:
    small = np.zeros((PATCH * REDUCTION - 8, 64), np.uint8)
    assert agreement(small, small, np.eye(3)).num_patches == 0
