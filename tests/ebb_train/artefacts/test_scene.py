import cv2
import numpy as np
import pytest

from ebb.errors import UsageError
from ebb_train.artefacts.scene import JudgedScene, luma, within_reach
from tests.helpers.artefact_scenes import subject_before_background


@pytest.mark.parametrize("largest", [True, False])
def test_within_reach_covers_every_disc(largest: bool) -> None:
    """The range of what a mean over each disc, own or a neighbour's, may contain; by brute force."""
    rng = np.random.default_rng(0)
    values = rng.random((40, 50)).astype(np.float32)
    coc = cv2.GaussianBlur(rng.random((40, 50)) * 24, (0, 0), 6).astype(np.float32)
    found = within_reach(values, coc, largest=largest)
    down, right = np.indices(values.shape)
    for y, x in rng.integers(0, 40, (60, 2)):
        distance = np.hypot(down - y, right - x)
        reached = values[(distance <= coc / 2) | (distance <= coc[y, x] / 2)]
        assert found[y, x] >= reached.max() if largest else found[y, x] <= reached.min()


def test_without_blur_only_the_margin_is_in_reach() -> None:
    values = np.zeros((21, 21), np.float32)
    values[10, 10] = 1
    found = within_reach(values, np.zeros((21, 21), np.float32), largest=True, margin=2)
    assert found.sum() == 25


def test_the_layered_render_is_the_photo_in_focus() -> None:
    scene = subject_before_background()
    core = cv2.erode(scene.in_focus.astype(np.uint8), np.ones((31, 31), np.uint8)).astype(bool)
    np.testing.assert_allclose(scene.layered[core], scene.photo[core], atol=2e-3)


def test_clipping_reaches_as_far_as_its_blur() -> None:
    photo = np.full((96, 96, 3), 0.4, np.float32)
    photo[48, 48] = 1
    near = JudgedScene(photo, np.full((96, 96), 20, np.float32)).near_clipping
    assert near[48, 58]
    assert not near[48, 80]


def test_what_clips_in_the_target_is_no_fault() -> None:
    photo, target = np.full((64, 64, 3), 0.4, np.float32), np.full((64, 64, 3), 0.4, np.float32)
    target[30, 30] = 1
    flat = np.zeros((64, 64), np.float32)
    assert not JudgedScene(photo, flat).near_clipping.any()
    assert JudgedScene(photo, flat, target).near_clipping[30, 30]


def test_sizes_must_agree() -> None:
    with pytest.raises(UsageError, match="differ in size"):
        JudgedScene(np.zeros((8, 8, 3), np.float32), np.zeros((8, 9), np.float32))


def test_references_hold_the_target_if_there_is_one() -> None:
    scene = subject_before_background()
    assert len(scene.references()) == 2
    assert len(JudgedScene(scene.photo, scene.coc_px, scene.layered).references()) == 3


def test_luma_of_grey_is_grey() -> None:
    np.testing.assert_allclose(luma(np.full((2, 2, 3), 0.3, np.float32)), 0.3, rtol=1e-5)
