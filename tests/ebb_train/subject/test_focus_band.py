from __future__ import annotations

import numpy as np
import pytest

from ebb.errors import InvalidInput
from ebb_train.subject.focus_band import FocusBand, in_focus
from tests.helpers.subjects import overlap, red_box


def test_shape_of_the_band() -> None:
    depths = np.array([0.0, 0.3, 0.35, 0.4, 0.5, 0.6, 0.65, 0.7, 1.0], np.float32)
    np.testing.assert_allclose(in_focus(depths, 0.5), [0, 0, 0.5, 1, 1, 1, 0.5, 0, 0], atol=1e-6)


def test_a_box_in_focus() -> None:
    photo, depth, mask = red_box()
    found = FocusBand().mask(photo, depth, "")
    assert found.dtype == np.float32
    assert overlap(found, mask) > 0.98


def test_no_depth() -> None:
    photo, _, _ = red_box()
    with pytest.raises(InvalidInput) as caught:
        FocusBand().mask(photo, None, "")
    assert str(caught.value) == (
        "a mask from depth, and the photo has no depth "
        "(make a map with: ebb depth, or take another mask, such as grabcut)"
    )
    assert FocusBand().metadata() == {"masks": "depth"}
