"""The focus estimate against scenes whose subject is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ebb.bokeh.focus import estimate_focus


def scene(subject: int, *, foreground: int = 250) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Ground that comes nearer downwards, a far wall, a subject in the middle, something near in a corner."""
    depth = np.repeat(np.linspace(20, 240, 300).astype(np.uint8)[:, None], 400, axis=1)
    depth[:120] = 20
    depth[100:230, 150:260] = subject
    depth[240:, :90] = foreground
    return depth


@pytest.mark.parametrize("subject", [80, 130, 200, 245])
def test_the_subject_in_the_middle_is_in_focus(subject: int) -> None:
    assert estimate_focus(scene(subject)) == pytest.approx(subject / 255, abs=0.03)


def test_the_size_of_the_map_does_not_matter() -> None:
    large = np.kron(scene(150), np.ones((4, 4), np.uint8))
    assert estimate_focus(large) == pytest.approx(estimate_focus(scene(150)), abs=0.01)


def test_of_two_halves_the_nearer_one_is_the_subject() -> None:
    depth = np.full((100, 100), 60, np.uint8)
    depth[:, 50:] = 160
    assert estimate_focus(depth) == pytest.approx(160 / 255, abs=0.01)


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_it_is_a_depth_of_the_map_or_close_to_one(
    depth: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> None:
    focus = estimate_focus(depth) * 255
    assert np.abs(depth.astype(float) - focus).min() <= 30
