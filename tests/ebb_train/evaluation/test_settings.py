"""Invalid settings of evaluation."""

from __future__ import annotations

from typing import Any

import pytest

from ebb.errors import UsageError
from ebb_train.evaluation.settings import ScoreSettings, TimingSettings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cases": -1}, "--cases and --workers must be at least 0"),
        ({"workers": -1}, "--cases and --workers must be at least 0"),
        ({"protocol": ()}, "protocols: none"),
        ({"protocol": ("ebb", "ebb")}, "protocols: ebb, ebb"),
    ],
)
def test_scores(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ScoreSettings(**values)


@pytest.mark.parametrize("values", [{"repeats": -1}, {"threads": -1}])
def test_timings(values: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="--repeats and --threads must be at least 0"):
        TimingSettings(**values)
