"""Pictures side by side."""

from __future__ import annotations

import numpy as np

from ebb_train.strips import CAPTION, GAP, HEIGHT, strip
from tests.helpers.datasets import photos


def test_small_pictures_are_unchanged() -> None:
    wide, shallow, _ = photos(0)
    found = strip({"input": wide, "target — ★": shallow})
    assert found.shape == (CAPTION + 64, 96 + GAP + 96, 3)
    np.testing.assert_array_equal(found[CAPTION:, :96], wide)
    np.testing.assert_array_equal(found[CAPTION:, 96 + GAP :], shallow)
    assert found[:CAPTION, :96].max() > 200  # a caption


def test_large_pictures_are_reduced() -> None:
    wide, _, _ = photos(0, 900, 600)
    assert strip({"input": wide}).shape == (CAPTION + HEIGHT, 720, 3)
    assert strip({"input": wide}, 100).shape == (CAPTION + 100, 150, 3)


def test_a_caption_wider_than_its_picture_is_not_cropped() -> None:
    narrow = photos(0)[0][:, :24]
    found = strip({"trained without depth": narrow})
    assert found.shape[1] > 150
    np.testing.assert_array_equal(found[CAPTION:, :24], narrow)
    assert found[:CAPTION, -30:].max() > 200
