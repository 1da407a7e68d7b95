import numpy as np
import pytest

from ebb_train.artefacts.scene import JudgedScene
from ebb_train.artefacts.seams import seams
from tests.helpers.artefact_scenes import subject_before_background


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("levels", [3, 6])
def test_a_step_is_measured_in_grey_levels(axis: int, levels: int) -> None:
    flat = JudgedScene(np.full((192, 256, 3), 0.5, np.float32), np.full((192, 256), 10, np.float32))
    picture = flat.photo.copy()
    picture[(slice(None),) * axis + (slice(90, None),)] += levels / 255
    finding = seams(flat, picture)
    assert finding is not None
    assert finding.value == pytest.approx(levels, rel=0.01)
    assert set(np.unique(np.nonzero(finding.where)[axis])) <= {88, 89, 90, 91}


def test_an_edge_of_the_photo_is_no_seam() -> None:
    scene = subject_before_background()
    photo = scene.photo.copy()
    photo[200:, :] = photo[200:, :] * np.float32(0.5)
    sharp = JudgedScene(photo, np.zeros_like(scene.coc_px))
    finding = seams(sharp, photo)
    assert finding is not None
    assert finding.value == 0


def test_small_pictures_are_not_judged() -> None:
    small = JudgedScene(np.zeros((100, 300, 3), np.float32), np.zeros((100, 300), np.float32))
    assert seams(small, small.photo) is None
