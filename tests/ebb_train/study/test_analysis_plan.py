"""The plan of an analysis: values, hash, and what is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from ebb.codec import to_plain
from ebb.errors import UsageError
from ebb_train.study.analysis_plan import AnalysisPlan, plan_from_table

TOML = Path("study.toml")


def test_a_plan_survives_its_file() -> None:
    plan = AnalysisPlan(min_correlation=0.25, max_gold_misses=2)
    table: Any = to_plain(plan)
    assert plan_from_table(table, TOML) == plan
    assert plan_from_table({}, TOML) == AnalysisPlan()


def test_every_value_changes_the_hash() -> None:
    plan, hashes = AnalysisPlan(), set()
    for field in fields(plan):
        value = getattr(plan, field.name)
        other = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else value / 2
        hashes.add(replace(plan, **{field.name: other}).sha256)
    assert len(hashes | {plan.sha256}) == 1 + len(fields(plan))
    assert AnalysisPlan().sha256 == plan.sha256


@pytest.mark.parametrize(
    "values",
    [
        {"max_trap_misses": -1},
        {"min_variance_votes": 1},
        {"reference_at_most": 5},
        {"min_median_seconds": -0.5},
        {"min_median_seconds": float("nan")},
        {"min_correlation": 1.5},
        {"resamples": 1_000_000},
        {"max_gold_misses": "2"},
        {"surprise": 1},
    ],
)
def test_other_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="analysis"):
        plan_from_table(values, TOML)
