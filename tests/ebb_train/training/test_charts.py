"""Layout of the curves."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb_train.training.charts import HEIGHT, MAX_POINTS, WIDTH, Point, draw_chart, thin


def coordinates(line: str) -> list[tuple[float, ...]]:
    return [tuple(map(float, pair.split(","))) for pair in line.split()]


def test_a_line_for_each_level() -> None:
    points = [Point("level-7", 10, 1.0), Point("level-7", 20, 3.0), Point("level-6", 50, 5.0)]
    chart = draw_chart("a", points, {"level-7": 40, "level-6": 60})
    assert chart is not None
    assert [coordinates(line) for line in chart.lines] == [
        [(WIDTH * 0.1, HEIGHT), (WIDTH * 0.2, HEIGHT / 2)],
        [(WIDTH * 0.5, 0.0)],
    ]
    assert [(mark.at, mark.text) for mark in chart.stages] == [(0, "7"), (WIDTH * 0.4, "6")]
    assert [tick.text for tick in chart.y_ticks] == ["1", "2", "3", "4", "5"]
    assert [tick.text for tick in chart.x_ticks] == ["0", "20", "40", "60", "80", "100"]
    assert chart.last == "5"


def test_a_logarithmic_axis() -> None:
    points = [Point("level-7", 0, 1.0), Point("level-7", 50, 0.1), Point("level-7", 100, 0.01)]
    chart = draw_chart("a", points, {"level-7": 100}, log_scale=True)
    assert chart is not None
    assert [y for _, y in coordinates(chart.lines[0])] == [0, HEIGHT / 2, HEIGHT]


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, -math.inf]])
def test_nothing_to_draw(values: list[float]) -> None:
    assert draw_chart("a", [Point("level-7", 1, value) for value in values], {"level-7": 1}) is None


def test_values_without_logarithm_are_omitted() -> None:
    chart = draw_chart(
        "a", [Point("level-7", 1, 0.0), Point("level-7", 2, 1.0)], {"level-7": 2}, log_scale=True
    )
    assert chart is not None
    assert len(coordinates(chart.lines[0])) == 1


@given(st.integers(1, 3000))
def test_long_lines_are_thinned_to_means(count: int) -> None:
    points = [Point("level-3", total, float(total)) for total in range(1, count + 1)]
    thinned = thin(points)
    assert len(thinned) <= MAX_POINTS
    assert thinned[-1].total == count
    if count % len(thinned) == 0:
        assert sum(point.value for point in thinned) / len(thinned) == pytest.approx((count + 1) / 2)
