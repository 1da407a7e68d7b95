"""Limits and gates by themselves."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.errors import Reason
from ebb.measurement_types import Bound, Gate, Limit, Measurement, Unit
from ebb.measurements import GATED, PROFILES


@pytest.mark.parametrize(
    ("bound", "passing", "failing", "text"),
    [
        (Bound.AT_LEAST, [0.5, 7.0], [0.49, -0.5, math.nan], "at least 0.5"),
        (Bound.AT_MOST, [0.5, -7.0], [0.51, math.nan], "at most 0.5"),
        (Bound.WITHIN, [0.5, -0.5], [0.51, -0.51, math.nan], "-0.5 to 0.5"),
        (Bound.NEAR_ONE, [0.5, 1.5], [0.49, 1.51, -1.0, math.nan], "0.5 to 1.5"),
    ],
)
def test_which_values_pass_a_limit(
    bound: Bound, passing: list[float], failing: list[float], text: str
) -> None:
    limit = Limit("setting", 0.5, bound)
    assert all(limit.passes(value) for value in passing)
    assert not any(limit.passes(value) for value in failing)
    assert str(limit) == text


@given(st.floats(0.01, 0.99), st.sampled_from(list(Bound)), st.floats(0, 1))
def test_room_is_positive_within_the_limit(value: float, bound: Bound, measured: float) -> None:
    limit = Limit("limit", value, bound)
    if min(abs(measured - end) for end in limit.ends) > 1e-9:
        assert (limit.room(measured) >= 0) == limit.passes(measured)
    assert limit.room(measured) <= 1
    assert min(abs(limit.room(end)) for end in limit.ends if math.isfinite(end)) == pytest.approx(
        0, abs=1e-12
    )


def test_room_counts_odds_of_shares_and_ratios_of_the_rest() -> None:
    assert Limit("a", 15, Bound.AT_LEAST).room(60) == 0.75
    assert Limit("a", 2, Bound.WITHIN).room(-0.5) == 0.75
    assert Limit("a", 2, Bound.AT_MOST).room(0.5) == 0.75
    assert Limit("a", 0.2, Bound.NEAR_ONE).room(1.05) == pytest.approx(0.75)
    assert Limit("a", 0.9, Bound.AT_LEAST).room(36 / 37) == pytest.approx(0.75)
    assert Limit("a", 0.9, Bound.AT_LEAST).room(1.0) == 1
    assert Limit("a", 0.0, Bound.AT_MOST).room(0.1) < 0


class Settings:
    most = 2.0


GATE = Gate(
    "most",
    Bound.WITHIN,
    Reason.PARALLAX,
    "{value:.1f} of {other:.0f} above {limit:g}",
    "{magnitude:.1f} below zero, outside {low:g} to {high:g}",
)


def test_a_gate_explains_itself() -> None:
    measured = {"one": 3.0, "other": 7.0}
    assert GATE.explain(3.0, Settings, measured) == "3.0 of 7 above 2"
    assert GATE.explain(-3.0, Settings, measured) == "3.0 below zero, outside -2 to 2"


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (1.04, 1.0, "1.04 px, more than 1 px (100%)"),
        (1.5, 1.0, "1.5 px, more than 1 px (100%)"),
        (0.12501, 0.125, "0.13 px, more than 0.125 px (12.5%)"),
    ],
)
def test_rounding_does_not_contradict_the_message(value: float, limit: float, text: str) -> None:
    message = "{value:.1f} px, more than {limit:g} px ({limit:.0%})"
    gate = Gate("most", Bound.AT_MOST, Reason.PARALLAX, message)
    assert gate.explain(value, SimpleNamespace(most=limit), {}) == text


@given(st.sampled_from(GATED), st.floats(-1e3, 1e3))
def test_a_value_that_is_rejected_is_not_printed_as_its_limit(row: Measurement, value: float) -> None:
    gate, limits = row.gate, PROFILES["clean"]
    assert gate is not None
    if gate.passes(value, limits) or abs(value - gate.limit(limits).value) < 1e-5:
        return
    shown = replace(gate, message="{value:.1f}", message_if_negative="").explain(value, limits, {})
    assert not gate.limit(limits).passes(float(shown))


def test_unknown_values_pass_only_if_the_gate_allows() -> None:
    lenient = Gate("most", Bound.AT_MOST, Reason.PARALLAX, "", unknown_passes=True)
    assert not GATE.passes(math.nan, Settings)
    assert lenient.passes(math.nan, Settings)
    assert not lenient.passes(2.1, Settings)


def test_a_measurement_can_be_converted_for_the_report() -> None:
    difference = Gate("most", Bound.AT_MOST, Reason.PARALLAX, "", minus="other")
    row = Measurement("", Unit.STOPS, "brighter by", gate=difference, seen_as=math.log2, name="one")
    assert row.seen({"one": 10.0, "other": 2.0}) == 3.0
    assert math.isnan(Measurement("", Unit.SHARE, name="one").seen({}))
    assert (row.label, Measurement("", Unit.COUNT, "inliers").label) == ("brighter by (stops)", "inliers")
    assert row.limit(Settings) == Limit("most", 2.0, Bound.AT_MOST)
    assert Measurement("", Unit.COUNT).limit(Settings) is None
