from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from ebb.errors import InvalidInput
from ebb_train.subject.grabcut import GrabCut
from tests.helpers.subjects import overlap, red_box


@pytest.mark.parametrize("scale", [1, 5], ids=["small", "larger than it works at"])
def test_a_box_of_another_colour(scale: int) -> None:
    photo, _, mask = red_box()
    photo, mask = (plane.repeat(scale, axis=0).repeat(scale, axis=1) for plane in (photo, mask))
    found = GrabCut().mask(photo, None, "")
    assert found.shape == mask.shape
    assert overlap(found, mask) > 0.95


def test_a_real_photo() -> None:
    """The astronaut is the subject: her face and suit are found, the corners are not."""
    found = GrabCut().mask(data.astronaut(), None, "")
    assert found[90:140, 200:250].mean() > 0.9
    assert found[:30, :30].mean() < 0.1


def test_equal_photos_have_equal_masks() -> None:
    photo = red_box()[0]
    first = GrabCut().mask(photo, None, "")
    cv2.setRNGSeed(99)
    np.testing.assert_array_equal(first, GrabCut().mask(photo, None, ""))


def test_no_subject() -> None:
    with pytest.raises(InvalidInput, match="GrabCut finds no subject.*take another mask"):
        GrabCut().mask(np.full((64, 64, 3), 128, np.uint8), None, "")
    assert GrabCut().metadata() == {"masks": "grabcut"}
