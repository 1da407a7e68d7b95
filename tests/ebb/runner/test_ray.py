"""A Ray cluster gives the results of the local runner; crashes, hangs and rejections affect one item each."""

from __future__ import annotations

import importlib
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ebb.errors import MissingDependency, OutputError, Reason, Status
from ebb.pipeline import run_pipeline
from ebb.progress import SilentProgress
from ebb.runner.ray import _answers, _InFlight, _next_answer, _overdue, run_items
from ebb.settings import RunSettings
from tests.helpers.captures import write_card
from tests.helpers.doubles import Job, work
from tests.helpers.settings import SETTINGS

BAD = {
    "abort": (Status.ERROR, Reason.WORKER_CRASH, "the worker died (WorkerCrashedError)"),
    "segfault": (Status.ERROR, Reason.WORKER_CRASH, "the worker died (WorkerCrashedError)"),
    "exit": (Status.ERROR, Reason.WORKER_CRASH, "the worker died (WorkerCrashedError)"),
    "hang": (Status.ERROR, Reason.TIMEOUT, "stopped after 1 s by the clock"),
    "reject": (Status.REJECTED, Reason.LOW_OVERLAP, "0.4"),
    "broken": (Status.ERROR, Reason.UNREADABLE, "a.jpg: no photo"),
    "bug": (Status.ERROR, Reason.INTERNAL_ERROR, "KeyError: 'nobody expects this' (at doubles.py:"),
    "memory": (Status.ERROR, Reason.OUT_OF_MEMORY, "no memory left"),
}


@pytest.fixture(scope="module", autouse=True)
def ray() -> Iterator[Any]:
    """A cluster of two cores on this machine."""
    pytest.importorskip("ray")
    on_sigterm = signal.getsignal(signal.SIGTERM)
    with tempfile.TemporaryDirectory(prefix="ray") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
        ray = importlib.import_module("ray")
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        yield ray
        ray.shutdown()
    signal.signal(signal.SIGTERM, on_sigterm)


def test_every_job_has_one_outcome_independent_of_others() -> None:
    jobs = [Job(what, what) for what in BAD] + [Job(f"fine{i}") for i in range(20)]
    outcomes = {outcome.job: outcome for outcome in run_items(work, jobs, RunSettings(item_timeout=1))}
    assert outcomes.keys() == set(jobs)
    for job, outcome in outcomes.items():
        if job.what in BAD:
            status, reason, detail = BAD[job.what]
            assert (outcome.status, outcome.reason) == (status, reason), job
            assert detail in outcome.detail
        else:
            assert outcome.value is not None, job
            assert (outcome.status, outcome.value.name) == (Status.OK, job.pair_id)
    assert outcomes[Job("reject", "reject")].measurements == {"overlap": 0.4}


def test_waiting_for_a_worker_is_not_time_spent() -> None:
    """The last job waits for longer than the limit behind three that hang on the two cores."""
    jobs = [Job("a", "hang"), Job("b", "hang"), Job("c", "hang"), Job("d")]
    outcomes = list(run_items(work, jobs, RunSettings(workers=4, item_timeout=0.5)))
    assert [outcome.reason for outcome in outcomes if outcome.job.what == "hang"] == [Reason.TIMEOUT] * 3
    assert [outcome.status for outcome in outcomes if outcome.job.what != "hang"] == [Status.OK]


def test_run_wide_errors_end_the_run() -> None:
    with pytest.raises(OutputError, match="no space") as caught:
        list(run_items(work, [Job("a", "full disk"), Job("b", "hang")], RunSettings()))
    assert caught.value.path == "a.png"


def test_closing_the_runner_stops_running_jobs() -> None:
    """Both cores are taken by jobs that hang; a later run gets them back."""
    outcomes = run_items(work, [Job("a"), Job("b", "hang"), Job("c", "hang")], RunSettings(workers=3))
    assert next(iter(outcomes)).job == Job("a")
    outcomes.close()  # type: ignore[attr-defined]
    assert [outcome.status for outcome in run_items(work, [Job("d")], RunSettings())] == [Status.OK]


def test_jobs_are_read_on_demand() -> None:
    """The queue of a long run is never completely in memory."""
    taken: list[int] = []

    def jobs() -> Iterator[Job]:
        for i in range(100):
            taken.append(i)
            yield Job(str(i))

    outcomes = run_items(work, jobs(), RunSettings())
    next(iter(outcomes))
    assert len(taken) <= 2 * 2
    assert len(list(outcomes)) == 99


def test_nothing_to_do_needs_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ebb.runner.ray.connect", lambda: pytest.fail("connected"))
    assert list(run_items(work, [], RunSettings())) == []


class ElsewhereOnly:
    """A job whose class is missing on the workers."""

    def __reduce__(self) -> tuple[Any, ...]:
        return importlib.import_module, ("a_newer_ebb",)


def test_a_cluster_with_another_ebb_ends_the_run() -> None:
    with pytest.raises(MissingDependency, match="No module named 'a_newer_ebb'") as caught:
        list(run_items(work, [ElsewhereOnly()], RunSettings()))  # type: ignore[list-item]
    assert caught.value.hint == "install this ebb on the whole cluster"


@pytest.mark.parametrize(
    ("error", "told", "reason"),
    [
        ("OutOfMemoryError", ["low"], Reason.OUT_OF_MEMORY),
        ("NodeDiedError", ["gone"], Reason.WORKER_CRASH),
        ("ObjectLostError", ["ref", "owner", "stack"], Reason.WORKER_CRASH),
        ("LocalRayletDiedError", [], Reason.WORKER_CRASH),
        ("TaskUnschedulableError", ["its machine went"], Reason.WORKER_CRASH),
    ],
)
def test_errors_of_the_cluster_fail_one_item(
    error: str, told: list[str], reason: Reason, ray: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(_: object) -> None:
        raise getattr(ray.exceptions, error)(*told)

    monkeypatch.setattr(ray, "get", get)
    outcome = _next_answer(iter([None]), Job("a"))
    assert outcome is not None
    assert (outcome.status, outcome.reason) == (Status.ERROR, reason)
    assert ("run it again" in outcome.detail) is (reason is Reason.WORKER_CRASH)


def test_a_result_in_time_counts_even_if_it_is_read_late(ray: Any) -> None:
    running = {ray.remote(_answers).remote(work, Job("a")): _InFlight(Job("a"), deadline=0.0)}
    ray.wait(list(running))
    assert list(_overdue(running, 1.0)) == []
    assert len(running) == 1


def test_the_same_bytes_as_on_this_machine_alone(tmp_path: Path) -> None:
    write_card(tmp_path / "raw", 2)
    found: dict[str, dict[Path, bytes]] = {}
    for runner in ("local", "ray"):
        settings = replace(SETTINGS, run=RunSettings(runner=runner, workers=2))  # type: ignore[arg-type]
        report = run_pipeline(tmp_path / runner, tmp_path / "raw", settings, SilentProgress())
        assert [stage.ok for stage in report.stages] == [2, 2]
        files = [path for path in (tmp_path / runner).glob("[ps]*/**/*") if path.is_file()]
        found[runner] = {path.relative_to(tmp_path / runner): path.read_bytes() for path in files}
    assert found["ray"] == found["local"]
    assert {path.parts[0] for path in found["ray"]} == {"pairs", "shards"}
