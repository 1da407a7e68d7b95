"""Shares of votes with intervals, against published numbers."""

from __future__ import annotations

import pytest

from ebb.errors import UsageError
from ebb_train.study.shares import preference_share


def test_the_preference_that_the_paper_reports() -> None:
    found = preference_share(537, 1000)
    assert (found.wilson_low, found.wilson_high) == pytest.approx((0.506012, 0.567704), abs=1e-6)
    assert (found.exact_low, found.exact_high) == pytest.approx((0.505525, 0.568257), abs=1e-6)
    assert found.p_value == pytest.approx(0.020927, abs=1e-6)


def test_a_smaller_number_of_votes_decides_nothing() -> None:
    found = preference_share(54, 100)
    assert (found.wilson_low, found.wilson_high) == pytest.approx((0.442649, 0.634392), abs=1e-6)
    assert found.p_value == pytest.approx(0.484118, abs=1e-6)


def test_ends_of_the_scale() -> None:
    none, all_ = preference_share(0, 20), preference_share(20, 20)
    assert (none.wilson_low, none.exact_low) == (0, 0)
    assert none.wilson_high == pytest.approx(0.161125, abs=1e-6)
    assert (all_.wilson_high, all_.exact_high) == (1, 1)
    assert all_.wilson_low == pytest.approx(1 - none.wilson_high)


@pytest.mark.parametrize("counts", [(3, 2), (-1, 2), (0, 0)])
def test_other_counts_are_refused(counts: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="no share"):
        preference_share(*counts)
