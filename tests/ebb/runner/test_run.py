"""The settings choose the runner; late items get a second try."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import ModuleType

import pytest

from ebb.errors import Reason, Status, UsageError
from ebb.runner import local, ray
from ebb.runner.items import Outcome
from ebb.runner.run import run_items
from ebb.settings import RunSettings, from_values
from tests.helpers.doubles import Done, Job, work


def outcome_of(job: Job, reason: Reason | None = None) -> Outcome[Job, Done]:
    return Outcome(job=job, status=Status.ERROR if reason else Status.OK, reason=reason)


@pytest.mark.parametrize("module", [local, ray])
def test_the_named_runner_gets_everything(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    outcome = outcome_of(Job("a"), Reason.WORKER_CRASH)
    monkeypatch.setattr(module, "run_items", lambda *args: calls.append(args) or iter([outcome]))
    name = module.__name__.rpartition(".")[2]
    settings = from_values(RunSettings, {"runner": name})
    jobs = [Job("a")]
    assert list(run_items(work, jobs, settings)) == [outcome]
    assert calls == [(work, jobs, settings)]


def test_items_that_timed_out_are_retried_alone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the second try ``b`` has the machine to itself and ``d`` is late again."""
    tries: list[tuple[str, int]] = []

    def runner(_: object, jobs: Iterable[Job], settings: RunSettings) -> Iterator[Outcome[Job, Done]]:
        for job in jobs:
            tries.append((job.pair_id, settings.workers))
            is_late = job.pair_id == "d" or (job.pair_id == "b" and settings.workers > 1)
            yield outcome_of(job, Reason.TIMEOUT if is_late else None)

    monkeypatch.setattr(local, "run_items", runner)
    outcomes = list(run_items(work, [Job(name) for name in "abcde"], RunSettings(workers=4)))
    assert [(outcome.job.pair_id, outcome.reason) for outcome in outcomes] == [
        ("a", None), ("c", None), ("e", None), ("b", None), ("d", Reason.TIMEOUT),
    ]  # fmt: skip
    assert tries == [(name, 4) for name in "abcde"] + [("b", 1), ("d", 1)]


def test_the_default_is_this_machine() -> None:
    assert RunSettings().runner == "local"


def test_an_unknown_runner_is_refused() -> None:
    with pytest.raises(UsageError, match="runner: expected one of: local, ray, got 'slurm'"):
        from_values(RunSettings, {"runner": "slurm"})
