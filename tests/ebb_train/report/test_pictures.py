"""Pictures for pages."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from ebb_train.report.pictures import as_rgb8, data_uri, difference_map, reduce
from tests.photo_sets import photos


def test_a_picture_travels_in_its_address() -> None:
    wide = photos(0)[0]
    uri = data_uri(wide)
    head, _, text = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    found = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert found is not None
    assert np.abs(found.astype(int) - wide).mean() < 12
    assert data_uri(wide) == uri


def test_large_pictures_are_averaged_down() -> None:
    wide = photos(0, 300, 200)[0]
    assert reduce(wide, 150).shape == (100, 150, 3)
    assert reduce(wide, 300) is wide


def test_differences_are_bright_where_they_are() -> None:
    wide = photos(0)[0]
    other = wide.copy()
    other[10:20, 10:20] = 255 - other[10:20, 10:20]
    found = difference_map(wide, other).sum(axis=2)
    assert len(np.unique(found[30:])) == 1
    assert found[10:20, 10:20].mean() > found[30, 30] + 100
    np.testing.assert_array_equal(difference_map(other, wide), difference_map(wide, other))


def test_any_picture_can_be_looked_at() -> None:
    grey = np.array([[0, 65535]], np.uint16)
    np.testing.assert_array_equal(as_rgb8(grey), [[[0] * 3, [255] * 3]])
    alpha = np.full((1, 1, 4), 7, np.uint8)
    np.testing.assert_array_equal(as_rgb8(alpha), [[[7, 7, 7]]])
