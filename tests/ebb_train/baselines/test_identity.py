"""The wide photo as it is."""

from __future__ import annotations

import numpy as np

from ebb.arrays import Size
from ebb.progress import SilentProgress
from ebb_train.baselines.identity import build
from tests.helpers.datasets import photos


def test_every_grey_level_is_unchanged() -> None:
    wide = photos(0)[0]
    np.testing.assert_array_equal(np.rint(build(list, SilentProgress()).render(wide, None) * 255), wide)


def test_the_cost_is_zero() -> None:
    assert build(list, SilentProgress()).cost(Size(1536, 1024)) == (0, 0)
