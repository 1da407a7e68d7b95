"""Round numbers for axes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ebb.pages.ticks import linear_ticks, log_ticks


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_linear_ticks_hold_the_values(low: float, span: float) -> None:
    ticks = linear_ticks(low, low + span)
    tolerance = 1e-6 * max(1.0, abs(low), span)
    assert ticks[0] <= low + tolerance
    assert ticks[-1] >= low + span - tolerance
    assert 2 <= len(ticks) <= 9
    assert ticks == sorted(set(ticks))


@given(st.floats(1e-8, 1e6), st.floats(1, 1e6))
def test_log_ticks_hold_the_values(low: float, factor: float) -> None:
    ticks = log_ticks(low, low * factor)
    assert ticks[0] <= low
    assert ticks[-1] >= low * factor
    assert len(ticks) >= 2
    assert all(a / b >= 1.9 for a, b in zip(ticks[1:], ticks, strict=False))
