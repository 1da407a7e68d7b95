import numpy as np
import pytest

from ebb.srgb import from_light, to_light
from ebb_train.artefacts.light import broken, drift, overshoot
from ebb_train.artefacts.scene import JudgedScene
from tests.helpers.artefact_scenes import subject_before_background


def _exposed(picture: np.ndarray, stops: float) -> np.ndarray:
    return from_light((to_light(picture) * np.float32(2**stops)).clip(0, 1))


@pytest.mark.parametrize("stops", [-0.5, -0.2, 0.2])
def test_drift_is_measured_in_stops(stops: float) -> None:
    scene = subject_before_background()
    finding = drift(scene, _exposed(scene.layered, stops))
    assert finding is not None
    assert finding.value == pytest.approx(abs(stops), abs=0.04)


def test_the_exposure_of_the_target_is_no_drift() -> None:
    scene = subject_before_background()
    darker = _exposed(scene.layered, -0.5)
    finding = drift(JudgedScene(scene.photo, scene.coc_px, darker), darker)
    assert finding is not None
    assert finding.value < 0.01
    beyond = drift(JudgedScene(scene.photo, scene.coc_px, darker), _exposed(scene.layered, -0.8))
    assert beyond is not None
    assert beyond.value == pytest.approx(0.3, abs=0.05)


def test_local_drift_counts() -> None:
    scene = subject_before_background()
    left = np.indices(scene.coc_px.shape)[1] < scene.coc_px.shape[1] / 4
    finding = drift(scene, np.where(left[..., None], _exposed(scene.layered, 0.8), scene.layered))
    assert finding is not None
    assert finding.is_flagged


def test_light_that_clips_everywhere_is_not_judged() -> None:
    white = JudgedScene(np.ones((96, 96, 3), np.float32), np.zeros((96, 96), np.float32))
    assert drift(white, white.photo) is None


def test_a_mean_of_pixels_does_not_overshoot() -> None:
    scene = subject_before_background()
    assert overshoot(scene, scene.layered).value == 0


def test_a_brighter_spot_overshoots() -> None:
    scene = subject_before_background()
    picture = scene.layered.copy()
    picture[20:40, 20:40] += 0.15
    finding = overshoot(scene, picture)
    assert finding.value == pytest.approx(400 / scene.coc_px.size, rel=0.2)


def test_nan_is_broken() -> None:
    scene = subject_before_background()
    picture = scene.layered.copy()
    picture[5, 7] = np.nan
    finding = broken(scene, picture)
    assert np.argwhere(finding.where).tolist() == [[5, 7]]


def test_white_patches_are_broken_where_nothing_clips() -> None:
    scene = subject_before_background()
    picture = scene.layered.copy()
    picture[300:320, 500:520] = 1
    assert broken(scene, picture).value == pytest.approx(400 / scene.coc_px.size)
    target = JudgedScene(scene.photo, scene.coc_px, picture)
    assert broken(target, picture).value == 0


def test_thin_white_lines_are_left_to_overshoot() -> None:
    scene = subject_before_background()
    picture = scene.layered.copy()
    picture[300:303, 400:500] = 1
    assert broken(scene, picture).value == 0
    assert overshoot(scene, picture).value > 0


def test_a_flat_sky_is_not_broken() -> None:
    flat = JudgedScene(np.full((96, 96, 3), 0.6, np.float32), np.full((96, 96), 10, np.float32))
    assert broken(flat, flat.layered).value == 0
