"""Each detector finds its own planted fault, and stays silent on the others."""

from __future__ import annotations

import numpy as np
import pytest

from ebb.errors import InvalidInput
from ebb_train.artefacts.detect import detect
from ebb_train.artefacts.findings import KINDS
from tests.helpers.artefact_scenes import subject_before_background
from tests.helpers.planted_faults import FAULTS


def _flagged(output: np.ndarray) -> list[str]:
    scene = subject_before_background()
    shown = np.where(np.isfinite(output), np.rint(output * 255) / 255, output)
    return [finding.kind for finding in detect(scene, shown) if finding.is_flagged]


def test_every_kind_has_a_planted_fault() -> None:
    assert set(FAULTS) == set(KINDS)


def test_the_layered_render_is_clean() -> None:
    findings = detect(subject_before_background(), subject_before_background().layered)
    assert [finding.kind for finding in findings] == list(KINDS)  # all could judge
    assert all(finding.severity < 0.5 for finding in findings)


@pytest.mark.parametrize("strength", [1, 2])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_by_its_own_detector_only(fault: str, strength: int) -> None:
    scene = subject_before_background()
    assert _flagged(FAULTS[fault](scene, scene.layered, strength)) == [fault]


def test_where_is_where_the_fault_is() -> None:
    scene = subject_before_background()
    picture = scene.layered.copy()
    picture[40:104, 300:364] = 0
    found = {finding.kind: finding for finding in detect(scene, picture)}["broken"]
    down, right = np.nonzero(found.where)
    assert (down.min(), down.max(), right.min(), right.max()) == pytest.approx((40, 103, 300, 363), abs=2)


def test_the_photo_itself_lacks_blur() -> None:
    assert _flagged(subject_before_background().photo) == ["missing_blur"]


def test_another_size_is_refused() -> None:
    with pytest.raises(InvalidInput, match="of a photo of shape"):
        detect(subject_before_background(), np.zeros((64, 64, 3)))


def test_small_pictures_are_refused() -> None:
    from ebb_train.artefacts.scene import JudgedScene

    small = JudgedScene(np.zeros((40, 90, 3), np.float32), np.zeros((40, 90), np.float32))
    with pytest.raises(InvalidInput, match="64 pixels"):
        detect(small, small.photo)
