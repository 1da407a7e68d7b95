import cv2
import numpy as np
import pytest

from ebb_train.artefacts.patterns import grid, repeats
from ebb_train.artefacts.scene import JudgedScene
from tests.helpers.artefact_scenes import subject_before_background


def _blurred_noise(seed: int = 1, sigma: float = 3) -> JudgedScene:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(384, 384)), (0, 0), sigma)
    photo = np.clip(0.5 + 0.05 * noise / noise.std(), 0, 1)[..., None].repeat(3, axis=2)
    return JudgedScene(photo.astype(np.float32), np.full((384, 384), 12, np.float32))


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_pattern_of_each_period_is_a_grid(period: int) -> None:
    scene = subject_before_background()
    pattern = np.random.default_rng(period).normal(size=(period, period))
    pattern = 1.5 * (pattern - pattern.mean()) / pattern.std()
    rows, columns = (side // period for side in scene.coc_px.shape)
    finding = grid(
        scene, scene.layered + np.tile(pattern, (rows, columns))[..., None].astype(np.float32) / 255
    )
    assert finding is not None
    assert finding.is_flagged


def test_noise_is_no_grid() -> None:
    scene = subject_before_background()
    noise = np.random.default_rng(0).normal(scale=1.5 / 255, size=scene.photo.shape)
    finding = grid(scene, (scene.layered + noise).astype(np.float32))
    assert finding is not None
    assert finding.value < 0.01


def test_a_grid_of_the_photo_is_no_fault() -> None:
    scene = subject_before_background()
    down, right = np.indices(scene.coc_px.shape)
    board = (np.where((down + right) % 2, 2, -2) / 255)[..., None].astype(np.float32)
    finding = grid(JudgedScene(scene.photo + board, scene.coc_px), scene.layered + board)
    assert finding is not None
    assert finding.value == 0


def test_few_smooth_blocks_are_not_judged() -> None:
    rough = np.random.default_rng(0).random((128, 128, 3)).astype(np.float32)
    scene = JudgedScene(rough, np.zeros((128, 128), np.float32))
    assert grid(scene, rough) is None


def test_noise_does_not_repeat() -> None:
    finding = repeats(_blurred_noise(), _blurred_noise(2).photo)
    assert finding is not None
    assert finding.value == 0


def test_a_straight_edge_does_not_repeat() -> None:
    scene = _blurred_noise()
    edges = scene.photo.copy()
    edges[:, 100:104] = 0.9
    edges[:, 230:234] = 0.9
    finding = repeats(scene, edges)
    assert finding is not None
    assert finding.value == 0


def test_texture_that_the_photo_repeats_is_no_fault() -> None:
    down = np.indices((384, 384))[0]
    stripes = (0.5 + 0.1 * np.sin(2 * np.pi * down / 12))[..., None].repeat(3, axis=2).astype(np.float32)
    finding = repeats(JudgedScene(stripes, np.full((384, 384), 12, np.float32)), stripes)
    assert finding is not None
    assert finding.value == 0


def test_windows_in_focus_are_not_searched() -> None:
    scene = _blurred_noise()
    assert repeats(JudgedScene(scene.photo, np.zeros((384, 384), np.float32)), scene.photo) is None
