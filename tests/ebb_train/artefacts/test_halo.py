import numpy as np
import pytest

from ebb_train.artefacts.halo import halo
from ebb_train.artefacts.scene import JudgedScene

HEIGHT = 512


def _plain(leak: float, near: float = 0.8, far: float = 0.2) -> tuple[JudgedScene, np.ndarray]:
    """A plain square before a plain background, and a picture in which so much of it leaks out up to 8 px."""
    coc = np.full((HEIGHT, HEIGHT), 12, np.float32)
    coc[150:360, 150:360] = 0
    photo = np.where((coc == 0)[..., None], near, far).repeat(3, axis=2).astype(np.float32)
    picture = photo.copy()
    rim = np.zeros(coc.shape, bool)
    rim[144:366, 144:366] = True
    picture[rim & (coc > 0)] = far + leak * (near - far)
    return JudgedScene(photo, coc), picture


@pytest.mark.parametrize("leak", [0.1, 0.2, 0.4])
def test_the_share_of_the_leak_is_measured(leak: float) -> None:
    scene, picture = _plain(leak)
    clean = halo(scene, scene.layered)
    finding = halo(scene, picture)
    assert clean is not None
    assert finding is not None
    assert clean.value < 0.01
    assert finding.value == pytest.approx(leak, rel=0.25)
    assert finding.is_flagged


def test_a_dark_subject_leaks_as_well() -> None:
    scene, picture = _plain(0.3, near=0.1, far=0.7)
    finding = halo(scene, picture)
    assert finding is not None
    assert finding.is_flagged


def test_another_exposure_is_no_halo() -> None:
    scene, _ = _plain(0)
    finding = halo(scene, scene.layered * np.float32(0.9))
    assert finding is not None
    assert not finding.is_flagged


def test_a_subject_of_the_background_s_colour_is_not_judged() -> None:
    scene, picture = _plain(0.3, near=0.5, far=0.52)
    assert halo(scene, picture) is None


def test_a_halo_of_the_true_photo_is_no_fault() -> None:
    scene, picture = _plain(0.3)
    finding = halo(JudgedScene(scene.photo, scene.coc_px, picture), picture)
    assert finding is not None
    assert finding.value < 0.01


def test_without_a_subject_in_focus_nothing_is_judged() -> None:
    scene, picture = _plain(0.3)
    assert halo(JudgedScene(scene.photo, np.full_like(scene.coc_px, 12)), picture) is None
