"""Ranges of settings, and the flags that errors name."""

from types import SimpleNamespace

import pytest

from ebb.errors import UsageError
from ebb.measurements import GATED
from ebb.settings import IngestSettings, WorkerSettings
from ebb.settings_checks import countable, flag, limit, not_negative, positive, share

NAN = float("nan")


@pytest.mark.parametrize("value", [0.0, -1.0, NAN])
def test_positive(value: float) -> None:
    positive(SimpleNamespace(max_gap=0.1), "max_gap")
    with pytest.raises(UsageError, match=r"^--max-gap .* is not positive"):
        positive(SimpleNamespace(max_gap=value), "max_gap")


@pytest.mark.parametrize("value", [-1, -0.5, NAN])
def test_not_negative(value: float) -> None:
    not_negative(SimpleNamespace(seed=0), "seed")
    with pytest.raises(UsageError, match=r"^--seed .* is negative"):
        not_negative(SimpleNamespace(seed=value), "seed")


@pytest.mark.parametrize("value", ["512", None, True, [1]])
def test_values_that_are_not_numbers(value: object) -> None:
    for check in (positive, not_negative, share):
        with pytest.raises(UsageError, match=r"^--bad .* is not a number"):
            check(SimpleNamespace(bad=value), "bad")


@pytest.mark.parametrize("value", [-0.1, 1.1, NAN])
def test_share(value: float) -> None:
    share(SimpleNamespace(bad=0.0, good=1.0), "bad", "good")
    with pytest.raises(UsageError, match=r"^--bad .* is not between 0 and 1"):
        share(SimpleNamespace(bad=value), "bad")


@pytest.mark.parametrize("row", GATED, ids=lambda row: row.name)
def test_limits(row: object) -> None:
    gate, unit = row.gate, row.unit  # type: ignore[attr-defined]
    limit(SimpleNamespace(**{gate.setting: 0.5}), gate, unit)
    for value in (-1.0, NAN):
        with pytest.raises(UsageError, match=f"^{flag(gate.setting)} "):
            limit(SimpleNamespace(**{gate.setting: value}), gate, unit)


@pytest.mark.parametrize("value", [1e8, float("inf"), NAN])
def test_countable(value: float) -> None:
    countable(SimpleNamespace(item_timeout=10), "item_timeout")
    with pytest.raises(UsageError, match=r"^--item-timeout .* is more than 1e\+07$"):
        countable(SimpleNamespace(item_timeout=value), "item_timeout")


@pytest.mark.parametrize("value", [1e300, float("inf")])
def test_limits_that_nothing_can_count_are_refused(value: float) -> None:
    for make in (
        lambda: IngestSettings(max_megapixels=value),
        lambda: IngestSettings(wide_f=value),
        lambda: WorkerSettings(item_timeout=value),
    ):
        with pytest.raises(UsageError, match="is more than 1e"):
            make()
