"""Round numbers for axes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ebb.pages.ticks import CHARACTER_WIDTH, Mark, linear_ticks, log_ticks


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_linear_ticks_cover_the_values(low: float, span: float) -> None:
    ticks = linear_ticks(low, low + span)
    tolerance = 1e-6 * max(1.0, abs(low), span)
    assert ticks[0] <= low + tolerance
    assert ticks[-1] >= low + span - tolerance
    assert 2 <= len(ticks) <= 9
    assert ticks == sorted(set(ticks))


@given(st.floats(1e-8, 1e6), st.floats(1, 1e6))
def test_log_ticks_cover_the_values(low: float, factor: float) -> None:
    ticks = log_ticks(low, low * factor)
    assert ticks[0] <= low
    assert ticks[-1] >= low * factor
    assert len(ticks) >= 2
    assert all(a / b >= 1.9 for a, b in zip(ticks[1:], ticks, strict=False))


def test_ticks_of_equal_values_can_be_read() -> None:
    """Ticks of equal values are not numbers such as 2e-13."""
    assert linear_ticks(0.0, 0.0) == [0.0, 0.2]
    assert all(len(f"{tick:g}") <= 7 for tick in linear_ticks(16.33, 16.33))


@given(st.floats(0, 320), st.integers(1, 12))
def test_no_text_reaches_beyond_the_chart(at: float, letters: int) -> None:
    width = letters * CHARACTER_WIDTH
    left = {"start": at, "middle": at - width / 2, "end": at - width}[Mark(at, "x" * letters).anchor(320)]
    assert left >= -0.01
    assert left + width <= 320.01
