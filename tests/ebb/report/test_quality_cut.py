"""Order of pairs by quality, and the choice of those that are shown."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.report.quality_cut import NUM_SHOWN, quality_cut


@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=80))
def test_all_known_qualities_are_there_in_order(qualities: list[float]) -> None:
    known = sorted(quality for quality in qualities if math.isfinite(quality))
    cut = quality_cut(qualities)
    if len(known) < 2:
        assert cut is None
        return
    assert cut is not None
    kept = json.loads(cut.as_json)
    assert kept == [sum(quality >= step / 100 for quality in known) for step in range(101)]
    assert len(set(cut.shown)) == len(cut.shown) == min(NUM_SHOWN, len(known))
    shown = [qualities[index] for index in cut.shown]
    assert shown == sorted(shown)
    assert [shown[0], shown[-1]] == [known[0], known[-1]]


def test_the_pairs_shown_are_spread_over_the_order() -> None:
    cut = quality_cut([index / 1000 for index in range(1000)])
    assert cut is not None
    gaps = [second - first for first, second in zip(cut.shown, cut.shown[1:], strict=False)]
    assert min(gaps) >= 43
    assert max(gaps) == pytest.approx(44)
