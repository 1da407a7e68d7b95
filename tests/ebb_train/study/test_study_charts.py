"""Layout of the plots of a study."""

from __future__ import annotations

import math

import pytest

from ebb_train.study.study_charts import (
    BARS_HEIGHT,
    BARS_WIDTH,
    LONGEST_NAME,
    ROW_HEIGHT,
    WIDTH,
    IntervalRow,
    draw_bars,
    draw_intervals,
)


def test_intervals_are_to_scale() -> None:
    rows = [IntervalRow("a", 1.0, 0.5, 1.5, 1.2), IntervalRow("b", -0.5, math.nan, math.nan)]
    found = draw_intervals("scores", rows, "95 %")
    assert found is not None
    assert (found.title, found.about, found.height) == ("scores", "95 %", 2 * ROW_HEIGHT)
    ticks = {mark.text: mark.at for mark in found.ticks}
    unit = ticks["1"] - ticks["0"]
    first, second = found.rows
    assert first.mean == pytest.approx(ticks["1"])
    assert first.high - first.low == pytest.approx(unit, abs=0.02)
    assert first.other == pytest.approx(ticks["1"] + 0.2 * unit, abs=0.02)
    assert first.text == "1.00 (0.50 … 1.50)"
    assert (second.text, second.low, second.other) == ("-0.50", second.mean, None)
    assert found.zero == ticks["0"]
    assert 0 < first.y < second.y < found.height
    assert (found.ticks[0].at, found.ticks[-1].at) == (0, WIDTH)


def test_long_names_are_cut_and_missing_means_left_out() -> None:
    rows = [IntervalRow("x" * 80, 1.0, 0.9, 1.1), IntervalRow("none", math.nan, math.nan, math.nan)]
    found = draw_intervals("scores", rows)
    assert found is not None
    (row,) = found.rows
    assert len(row.name) == LONGEST_NAME
    assert row.name.endswith("…")
    assert found.zero is None
    assert draw_intervals("nothing", rows[1:]) is None


def test_bars_are_to_scale() -> None:
    found = draw_bars("votes", {"4": 10, "5": 0, "6": 20})
    assert found is not None
    first, none, last = found.bars
    assert (last.height, last.y) == (BARS_HEIGHT, 0)
    assert (first.height, first.y) == (BARS_HEIGHT / 2, BARS_HEIGHT / 2)
    assert (none.height, none.number) == (0, 0)
    assert last.x + last.width <= BARS_WIDTH
    assert draw_bars("nothing", {"4": 0}) is None
    assert draw_bars("nothing", {}) is None
