"""Limits of figures."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.quality.gates import AlignmentFigures
from ebb.report.limits import Limit, limit_of
from ebb.settings import AlignSettings

FIGURES = [field.name for field in dataclasses.fields(AlignmentFigures)]


def test_limits_are_found_by_the_name_of_the_figure() -> None:
    settings = AlignSettings(min_inliers=20, max_changed=0.1, min_focus_share=0.01)
    assert limit_of(settings, "num_inliers") == Limit("min_inliers", 20.0, is_least=True)
    assert limit_of(settings, "focus_share") == Limit("min_focus_share", 0.01, is_least=True)
    assert limit_of(settings, "changed_share") == Limit("max_changed", 0.1, is_least=False)
    assert limit_of(settings, "defocus_px") is None
    assert str(limit_of(settings, "changed_share")) == "at most 0.1"


def test_every_gate_finds_its_figure() -> None:
    """But for those that look at two figures, or at one under another name."""
    gates = {
        field.name for field in dataclasses.fields(AlignSettings) if field.name.startswith(("min_", "max_"))
    }
    others = {"max_keypoints", "max_scale_change", "max_exposure_ev", "max_clipped"}
    found = {limit.setting for name in FIGURES if (limit := limit_of(AlignSettings(), name))}
    assert found == gates - others
    assert limit_of(AlignSettings(), "exposure_ev") is not None


@given(st.floats(0.01, 0.99), st.booleans(), st.floats(0, 1))
def test_there_is_room_where_the_limit_is_kept(value: float, is_least: bool, figure: float) -> None:
    limit = Limit("limit", value, is_least)
    assert (limit.room(figure) >= 0) == limit.passes(figure)
    assert limit.room(figure) <= 1
    assert limit.room(value) == 0


def test_room_counts_odds_of_shares_and_ratios_of_the_rest() -> None:
    assert Limit("a", 15, is_least=True).room(60) == 0.75
    assert Limit("a", 2, is_least=False).room(-0.5) == 0.75
    assert Limit("a", 0.9, is_least=True).room(36 / 37) == pytest.approx(0.75)
    assert Limit("a", 0.9, is_least=True).room(1.0) == 1
    assert Limit("a", 0.0, is_least=False).room(0.1) < 0
