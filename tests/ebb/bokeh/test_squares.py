from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ebb.bokeh.squares import Square


def test_a_square_is_cut_off_at_the_last_row_and_column() -> None:
    values = np.arange(30).reshape(5, 6)
    np.testing.assert_array_equal(values[Square(1, 2, 2).where], [[8, 9], [14, 15]])
    assert values[Square(4, 4, 3).where].shape == (1, 2)


def test_wider_squares_have_the_same_centre() -> None:
    assert Square(10, 20, 4).wider(3) == Square(7, 17, 10)


@given(top=st.integers(-40, 60), left=st.integers(-40, 60), size=st.integers(1, 50), side=st.integers(1, 20))
def test_cells_are_those_that_the_square_touches(top: int, left: int, size: int, side: int) -> None:
    touched = np.zeros((8 * side, 8 * side), bool)
    touched[max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = True
    expected = touched.reshape(8, side, 8, side).any(axis=(1, 3))
    found = np.zeros((8, 8), bool)
    found[Square(top, left, size).cells(side)] = True
    np.testing.assert_array_equal(found, expected)
