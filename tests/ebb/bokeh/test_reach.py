from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.bokeh.reach import cone_minimum


def brute_force(values: np.ndarray, slope: float) -> np.ndarray:
    """All pairs of pixels; the chamfer distance is the longer side plus (√2 − 1) times the shorter one."""
    rows, columns = (index.ravel() for index in np.indices(values.shape))
    dy, dx = abs(rows[:, None] - rows), abs(columns[:, None] - columns)
    distance = np.maximum(dy, dx) + (math.sqrt(2) - 1) * np.minimum(dy, dx)
    return (values.ravel() + slope * distance).min(axis=1).reshape(values.shape)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    height=st.integers(1, 14),
    width=st.integers(1, 14),
    slope=st.floats(0.2, 4),
)
def test_against_all_pairs_of_pixels(seed: int, height: int, width: int, slope: float) -> None:
    values = np.random.default_rng(seed).normal(0, 8, (height, width)).astype(np.float32)
    before = values.tobytes()
    np.testing.assert_allclose(cone_minimum(values, slope), brute_force(values, slope), atol=1e-4)
    assert values.tobytes() == before


@pytest.mark.parametrize("turn", range(4))
def test_a_single_low_pixel_makes_one_cone(turn: int) -> None:
    values = np.full((9, 9), 10, np.float32)
    values[1, 6] = 0
    found = np.rot90(cone_minimum(np.ascontiguousarray(np.rot90(values, turn)), 2.0), -turn)
    assert found[1, 5] == 2
    assert found[2, 7] == pytest.approx(2 * math.sqrt(2))
    assert found[8, 0] == 10


def test_values_without_a_steep_step_are_returned_as_they_are() -> None:
    slope = (np.indices((20, 30))[1] * 1.4).astype(np.float32)
    assert cone_minimum(slope, 1.5) is slope
