"""The time that is left."""

from __future__ import annotations

import pytest

from ebb_train.fit.eta import Workload, duration_text, find_workload
from ebb_train.models.pynet import PyNetConfig
from ebb_train.settings import SCHEDULES

WORK = Workload(steps={7: 10, 6: 20, 5: 5}, costs={7: 1.0, 6: 2.0, 5: 8.0})


def test_later_levels_count_by_what_they_cost() -> None:
    assert WORK.left_s(7, 4, seconds_a_step=0.5) == pytest.approx((6 * 1 + 20 * 2 + 5 * 8) * 0.5)
    assert WORK.left_s(6, 20, seconds_a_step=1.0) == pytest.approx(5 * 4)
    assert WORK.left_s(5, 5, seconds_a_step=3.0) == 0


def test_the_workload_of_a_schedule() -> None:
    schedule = SCHEDULES["paper"].with_crop(0, 1024)
    work = find_workload(PyNetConfig(), schedule)
    assert work.steps == {7: 5_000, 6: 5_000, 5: 20_000, 4: 20_000, 3: 30_000, 2: 80_000, 1: 100_000}
    # 653 G multiply-adds for 1024 x 1536 pixels (the network's page of facts), batch 5 of 1024 x 1024
    assert work.costs[1] == pytest.approx(5 * 653e9 * 2 / 3, rel=0.01)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (59 * 60, "59 min"),
        (3600 + 1260, "1 h 21 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
