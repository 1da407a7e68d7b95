"""Pictures of any kind, and where two differ."""

from __future__ import annotations

import numpy as np

from ebb_train.evaluation.difference_maps import as_rgb8, difference_map
from tests.helpers.datasets import photos


def test_the_map_is_bright_where_pictures_differ() -> None:
    wide = photos(0)[0]
    other = wide.copy()
    other[10:20, 10:20] = 255 - other[10:20, 10:20]
    found = difference_map(wide, other).sum(axis=2)
    assert len(np.unique(found[30:])) == 1
    assert found[10:20, 10:20].mean() > found[30, 30] + 100
    np.testing.assert_array_equal(difference_map(other, wide), difference_map(wide, other))


def test_pictures_of_any_type_are_converted_to_8_bit_rgb() -> None:
    grey = np.array([[0, 65535]], np.uint16)
    np.testing.assert_array_equal(as_rgb8(grey), [[[0] * 3, [255] * 3]])
    alpha = np.full((1, 1, 4), 7, np.uint8)
    np.testing.assert_array_equal(as_rgb8(alpha), [[[7, 7, 7]]])
    np.testing.assert_array_equal(as_rgb8(np.float32([[0.5]])), [[[128] * 3]])
