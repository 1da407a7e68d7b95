"""Clipped pixels get brighter, others do not."""

from __future__ import annotations

import numpy as np
import pytest

from ebb.bokeh.highlights import raise_highlights


@pytest.mark.parametrize(("kind", "white"), [(np.uint8, 255), (np.uint16, 65535)])
def test_only_pixels_clipped_in_all_channels_are_raised(kind: type[np.generic], white: int) -> None:
    photo = np.array([[(white, white, white), (white, white, white // 2)]], kind)
    light = np.array([[(1, 1, 1), (1, 1, 0.25)]], np.float32)
    raise_highlights(light, photo, 4.0)
    np.testing.assert_array_equal(light, [[(4, 4, 4), (1, 1, 0.25)]])


def test_almost_white_counts_as_clipped_in_both_depths() -> None:
    for photo in (np.full((1, 1, 3), 250, np.uint8), np.full((1, 1, 3), 250 * 257, np.uint16)):
        light = np.ones((1, 1, 3), np.float32)
        raise_highlights(light, photo, 2.0)
        assert light.max() == 2
