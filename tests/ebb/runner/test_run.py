"""The settings choose the runner."""

from __future__ import annotations

import pytest

from ebb.errors import UsageError
from ebb.runner import local, ray
from ebb.runner.run import run_items
from ebb.settings import RunSettings, from_values
from tests.helpers.doubles import Job, work


@pytest.mark.parametrize("module", [local, ray])
def test_the_named_runner_gets_everything(module, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    calls: list[object] = []
    monkeypatch.setattr(module, "run_items", lambda *args: calls.append(args) or iter(["outcome"]))
    name = module.__name__.rpartition(".")[2]
    settings = from_values(RunSettings, {"runner": name})
    jobs = [Job("a")]
    assert list(run_items(work, jobs, settings)) == ["outcome"]
    assert calls == [(work, jobs, settings)]


def test_the_default_is_this_machine() -> None:
    assert RunSettings().runner == "local"


def test_no_other_runner() -> None:
    with pytest.raises(UsageError, match=r"runner = 'slurm' \(one of: local, ray\)"):
        from_values(RunSettings, {"runner": "slurm"})
