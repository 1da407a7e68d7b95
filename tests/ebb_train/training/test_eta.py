"""The time that is left."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from ebb_train.models.pynet import PyNetConfig
from ebb_train.settings import SCHEDULES, LevelPlan, LossWeights
from ebb_train.training.eta import (
    A_VALUE,
    A_VALUE_IN_SSIM,
    Workload,
    duration_text,
    find_workload,
    level_cost,
)

RESULT = Path(__file__).parents[3] / "benchmarks" / "results" / "eta.json"

WORK = Workload(
    steps={"level-7": 10, "level-6": 20, "level-5": 5}, costs={"level-7": 1.0, "level-6": 2.0, "level-5": 8.0}
)


def test_later_levels_count_by_what_they_cost() -> None:
    assert WORK.left_s("level-7", 4, seconds_a_step=0.5) == pytest.approx((6 * 1 + 20 * 2 + 5 * 8) * 0.5)
    assert WORK.left_s("level-6", 20, seconds_a_step=1.0) == pytest.approx(5 * 4)
    assert WORK.left_s("level-5", 5, seconds_a_step=3.0) == 0


def test_the_workload_of_a_schedule() -> None:
    schedule = SCHEDULES["paper"].with_crop(0, 1024)
    work = find_workload(schedule, partial(level_cost, PyNetConfig()))
    assert list(work.steps.items()) == [
        ("level-7", 5_000), ("level-6", 5_000), ("level-5", 20_000), ("level-4", 20_000), ("level-3", 30_000),
        ("level-2", 80_000), ("level-1", 100_000),
    ]  # fmt: skip
    # 653 G multiply-adds for 1024 x 1536 pixels (the network's page of facts); maps and parameters on top
    assert 1 < work.costs["level-2"] / (9 * 653e9 * 2 / 3) < 1.3


def test_the_cost_depends_on_the_loss() -> None:
    def last(**loss: float) -> float:
        plan = LevelPlan(level=1, iterations=1, batch=1, crop=1024, loss=LossWeights(l1=1, **loss))
        return level_cost(PyNetConfig(), plan)

    # VGG-19 is 19.6 G multiply-adds for 224 x 224, of which the classifier, left out, has 0.12 G
    at_224 = 19.5e9 + A_VALUE * 14.8e6  # all its maps
    assert last(vgg=0.01) - last() == pytest.approx(at_224 * (1024 / 224) ** 2, rel=0.03)
    assert last(ssim=1) - last() == pytest.approx(A_VALUE_IN_SSIM * 3 * 1024**2)


def test_costs_predict_measured_times() -> None:
    """``benchmarks/eta.py`` has measured steps of three widths on one thread."""
    rows = json.loads(RESULT.read_text())["steps"]
    assert len(rows) >= 28
    per_cost = []
    for row in rows:
        loss = LossWeights(l1=1, ssim=1) if row["level"] == 1 else LossWeights()
        plan = LevelPlan(level=row["level"], iterations=1, batch=row["batch"], crop=row["crop"], loss=loss)
        per_cost.append(row["seconds"] / level_cost(PyNetConfig(width=row["width"]), plan))
    assert max(per_cost) / min(per_cost) < 1.4


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
