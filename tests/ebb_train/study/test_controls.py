from __future__ import annotations

import cv2
import numpy as np
import pytest

from ebb_train.study.controls import ANCHOR_SIGMA, MIDDLE_SIGMA, blurred, with_text
from tests.helpers.study_folders import picture


def test_the_blur_is_that_of_scipy() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    photo = picture(1, (200, 300))
    expected = ndimage.gaussian_filter(photo.astype(float), (4, 4, 0), mode="nearest")
    assert np.abs(blurred(photo, ANCHOR_SIGMA) - expected).max() <= 1.5


def test_the_anchor_is_much_blurrier_than_the_middle_of_the_scale() -> None:
    photo = picture(1, (400, 600))
    sharpness = [
        float(np.var(cv2.Laplacian(each, cv2.CV_64F)))
        for each in (photo, blurred(photo, MIDDLE_SIGMA), blurred(photo, ANCHOR_SIGMA))
    ]
    assert sharpness[0] > 5 * sharpness[1] > 25 * sharpness[2]


@pytest.mark.parametrize("size", [(256, 384), (1024, 1536), (1536, 1024), (600, 400)])
def test_the_text_is_on_the_middle_and_leaves_the_rest(size: tuple[int, int]) -> None:
    photo = picture(2, size)
    before = photo.copy()
    marked = with_text(photo, "Choose the other picture")
    assert (photo == before).all()
    changed = np.flatnonzero((marked != photo).any(axis=(1, 2)))
    assert changed.min() > size[0] * 0.1
    assert changed.max() < size[0] * 0.9
    columns = np.flatnonzero((marked == 255).all(axis=2).any(axis=0))
    assert columns.min() > 0  # no letter is cut off
    assert columns.max() < size[1] - 1
    assert (columns.max() - columns.min()) > 0.3 * size[1]


def test_texts_differ_in_their_pixels() -> None:
    photo = picture(2, (256, 384))
    texts = [with_text(photo, f"Please choose {score}") for score in range(5)]
    assert len({text.tobytes() for text in texts}) == 5
