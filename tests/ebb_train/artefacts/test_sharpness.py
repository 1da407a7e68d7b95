import cv2
import numpy as np
import pytest

from ebb_train.artefacts.scene import JudgedScene, detail
from ebb_train.artefacts.sharpness import missing_blur, soft_focus
from tests.helpers.artefact_scenes import subject_before_background


def test_detail_is_the_energy_of_the_laplacian() -> None:
    """A sine of a known frequency, whose Laplacian and Gaussian have closed forms."""
    frequency = 2 * np.pi / 8
    wave = 0.5 + 0.2 * np.sin(frequency * np.arange(96))
    picture = np.repeat(np.tile(wave, (96, 1))[..., None], 3, axis=2).astype(np.float32)
    kept = np.exp(-((0.7 * frequency) ** 2) / 2)
    amplitude = 0.2 * kept * (2 - 2 * np.cos(frequency))
    assert detail(picture)[48, 48] == pytest.approx(amplitude**2 / 2, rel=0.05)


def test_lost_detail_grows_with_the_blur() -> None:
    scene = subject_before_background()
    lost = [
        finding.value
        for sigma in (0.4, 0.8, 1.6)
        if (finding := soft_focus(scene, cv2.GaussianBlur(scene.photo, (0, 0), sigma)))
    ]
    assert lost == sorted(lost)
    assert lost[0] < 0.3 < lost[2]


def test_nothing_in_focus_is_not_judged() -> None:
    scene = subject_before_background()
    blurred = JudgedScene(scene.photo, np.full_like(scene.coc_px, 12))
    assert soft_focus(blurred, scene.photo) is None


def test_the_share_of_missing_blur_is_that_of_the_sharp_part() -> None:
    scene = subject_before_background()
    left = np.indices(scene.coc_px.shape)[1] < scene.coc_px.shape[1] / 2
    mixed = np.where(left[..., None], scene.photo, scene.layered)
    finding = missing_blur(scene, mixed)
    assert finding is not None
    assert not finding.where[:, -100:].any()
    whole = missing_blur(scene, scene.photo)
    assert whole is not None
    assert whole.value > 0.99
    assert 0.2 < finding.value < 0.7


def test_without_blur_there_is_none_to_miss() -> None:
    scene = subject_before_background()
    assert missing_blur(JudgedScene(scene.photo, np.zeros_like(scene.coc_px)), scene.photo) is None
