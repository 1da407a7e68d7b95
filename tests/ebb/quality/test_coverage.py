"""Coverage of a frame by points."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ebb.arrays import Size
from ebb.quality.coverage import coverage


def test_coverage_counts_cells() -> None:
    size = Size(400, 200)
    one_per_cell = np.array([[x, y] for x in (50, 150, 250, 350) for y in (25, 75, 125, 175)], np.float32)
    assert coverage(one_per_cell, size) == 1.0
    assert coverage(one_per_cell[:4], size) == 0.25
    assert coverage(np.repeat(one_per_cell[:1], 50, axis=0), size) == 1 / 16
    assert coverage(one_per_cell, size, grid=2) == 1.0


def test_coverage_of_nothing_is_zero() -> None:
    assert coverage(np.empty((0, 2), np.float32), Size(400, 200)) == 0.0


def test_the_outermost_pixels_belong_to_the_outermost_cells() -> None:
    corners = np.array([[-0.5, -0.5], [399.49, 199.49], [399.5, 199.5]], np.float32)
    assert coverage(corners, Size(400, 200)) == 2 / 16


@given(count=st.integers(1, 60), seed=st.integers(0, 1000))
def test_coverage_never_falls_when_points_are_added(count: int, seed: int) -> None:
    points = (np.random.default_rng(seed).uniform(0, 1, (count, 2)) * (400, 200)).astype(np.float32)
    size = Size(400, 200)
    assert 0 < coverage(points[: count // 2 + 1], size) <= coverage(points, size) <= 1
