"""Layout of histograms."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.measurement_types import Bound, Limit
from ebb.report.histograms import BINS, HEIGHT, WIDTH, Bar, Histogram, draw_histogram

NUMBERS = st.lists(st.floats(-1e3, 1e3), max_size=40)


def drawn(accepted: list[float], refused: list[float], limit: Limit | None = None) -> Histogram:
    found = draw_histogram("a", accepted, refused, limit)
    assert found is not None
    return found


def counts(bars: tuple[Bar, ...], unit: float) -> list[int]:
    """How many each bar stands for."""
    return [round(bar.height / unit) for bar in bars]


def test_bars_are_those_of_numpy() -> None:
    values = np.random.default_rng(0).uniform(0, 10, 500).tolist()
    found = drawn([0.0, *values, 10.0], [])
    expected, _ = np.histogram([0.0, *values, 10.0], BINS, (0, 10))
    assert counts(found.accepted, HEIGHT / expected.max()) == expected[expected > 0].tolist()
    assert [bar.x for bar in found.accepted] == pytest.approx(
        np.flatnonzero(expected) * WIDTH / BINS, abs=0.01
    )
    assert found.refused == ()


def test_bars_of_rejected_pairs_are_stacked_and_limited_to_the_axis() -> None:
    found = drawn([1.0, 1.0, 2.0], [1.0, 50.0], Limit("most", 3, Bound.AT_MOST))
    assert counts(found.accepted, HEIGHT / 3) == [2, 1]
    assert counts(found.refused, HEIGHT / 3) == [1, 1]
    first, end = found.refused
    assert first.x == found.accepted[0].x
    assert first.y + first.height == pytest.approx(found.accepted[0].y, abs=0.02)
    assert end.x + end.width == pytest.approx(WIDTH, abs=1.1)
    assert [mark.text for mark in found.limits] == ["3"]
    assert found.about == "median 1, limit: at most 3"


def test_a_distant_limit_does_not_compress_the_bars() -> None:
    assert drawn([0.1, 0.2], [], Limit("most", 10, Bound.AT_MOST)).limits == ()


def test_a_limit_of_magnitude_lies_on_both_sides() -> None:
    found = drawn([-1.0, 1.0], [], Limit("most", 2, Bound.WITHIN))
    assert [mark.text for mark in found.limits] == ["-2", "2"]


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf]])
def test_nothing_to_draw(values: list[float]) -> None:
    assert draw_histogram("a", values, []) is None


@given(NUMBERS, NUMBERS)
def test_every_pair_is_in_a_bar_inside_the_drawing(accepted: list[float], refused: list[float]) -> None:
    found = draw_histogram("a", accepted, refused, Limit("most", 5, Bound.AT_MOST))
    if found is None:
        assert not accepted + refused
        return
    bars = [*found.accepted, *found.refused]
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH for bar in bars)
    assert all(bar.y >= -0.02 and bar.y + bar.height <= HEIGHT + 0.02 for bar in bars)
    assert min(bar.y for bar in bars) == pytest.approx(0, abs=0.02)
    assert all(0 <= mark.at <= WIDTH for mark in (*found.ticks, *found.limits))


def test_an_axis_spans_at_least_a_share_of_the_limit() -> None:
    """With equal values the axis must not span 0 to 2e-13."""
    found = drawn([0.0, 0.0], [], Limit("most", 0.03, Bound.AT_MOST))
    assert [mark.text for mark in found.ticks] == ["0", "0.0005", "0.001", "0.0015"]
    found = drawn([1.7e-5, 2.1e-5], [], Limit("most", 0.015, Bound.AT_MOST))
    assert max(len(mark.text) for mark in found.ticks) <= 6


def test_crowded_ticks_are_thinned() -> None:
    found = drawn([0.1001, 0.1008], [])
    texts, spaces = zip(*((mark.text, mark.at) for mark in found.ticks), strict=True)
    assert max(map(len, texts)) * 7.0 <= min(b - a for a, b in pairwise(spaces))
