"""Worker processes that crash, hang or fail affect one item each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from ebb.errors import OutputError, Reason, Status
from ebb.runner import local
from ebb.runner.local import attempt, run_items
from ebb.settings import RunSettings
from ebb.worker_pool import WorkerLost, Workers
from tests.helpers.doubles import Job, count_threads, work

BAD = {
    "abort": (Status.ERROR, Reason.WORKER_CRASH, f"signal {int(signal.SIGABRT)} (SIGABRT)"),
    "segfault": (Status.ERROR, Reason.WORKER_CRASH, "(SIGSEGV)"),
    "exit": (Status.ERROR, Reason.WORKER_CRASH, "exit code 7"),
    "hang": (Status.ERROR, Reason.TIMEOUT, "stopped after"),
    "reject": (Status.REJECTED, Reason.LOW_OVERLAP, "0.4"),
    "broken": (Status.ERROR, Reason.UNREADABLE, "a.jpg: no photo"),
    "bug": (Status.ERROR, Reason.INTERNAL_ERROR, "KeyError: 'nobody expects this' (at doubles.py:"),
    "memory": (Status.ERROR, Reason.OUT_OF_MEMORY, "no memory left"),
    "allocate": (Status.ERROR, Reason.OUT_OF_MEMORY, ""),
}


def test_every_job_has_one_outcome_independent_of_others() -> None:
    jobs = [Job(f"{what}{i}", what) for what in BAD for i in range(1)]
    jobs += [Job(f"fine{i}") for i in range(20)]
    outcomes = {
        outcome.job: outcome for outcome in run_items(work, jobs, RunSettings(workers=2, item_timeout=0.5))
    }
    assert outcomes.keys() == set(jobs)
    for job, outcome in outcomes.items():
        if job.what in BAD:
            status, reason, detail = BAD[job.what]
            assert (outcome.status, outcome.reason) == (status, reason), job
            assert detail in outcome.detail
        else:
            assert outcome.value is not None, job
            assert (outcome.status, outcome.value.name) == (Status.OK, job.pair_id)
    assert outcomes[Job("reject0", "reject")].measurements == {"overlap": 0.4}


def test_run_wide_errors_end_the_run() -> None:
    with pytest.raises(OutputError, match="no space"):
        list(run_items(work, [Job("a", "full disk")], RunSettings(workers=1)))


def test_nothing_to_do() -> None:
    assert list(run_items(work, [], RunSettings(workers=1))) == []


def test_an_item_that_waits_forever_is_stopped_by_the_elapsed_time() -> None:
    outcomes = run_items(work, [Job("a", "wait"), Job("b")], RunSettings(workers=2, item_timeout=0.1))
    found = {outcome.job.pair_id: outcome for outcome in outcomes}
    assert (found["a"].reason, found["a"].detail) == (Reason.TIMEOUT, "stopped after 0.5 s by the clock")
    assert found["b"].status is Status.OK


def test_a_killed_worker_fails_its_item_only() -> None:
    jobs = [Job(str(number), "kill" if number == 3 else "work") for number in range(8)]
    outcomes = {outcome.job: outcome for outcome in run_items(work, jobs, RunSettings(workers=2))}
    assert outcomes.keys() == set(jobs)
    for job, outcome in outcomes.items():
        crashed = (Status.ERROR, Reason.WORKER_CRASH) if job.what == "kill" else (Status.OK, None)
        assert (outcome.status, outcome.reason) == crashed
    assert outcomes[jobs[3]].detail == "the worker died of signal 9 (SIGKILL)"


@pytest.mark.parametrize(("workers", "share"), [(1, 6), (2, 3), (6, 1), (12, 1)])
def test_an_item_has_the_time_of_all_cores_of_its_worker(
    workers: int, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network with two threads takes two seconds of processor time in one."""
    pools: list[Workers] = []

    def lose(_: object, jobs: Iterable[Job], pool: Workers) -> Iterator[tuple[Job, WorkerLost]]:
        pools.append(pool)
        return ((job, WorkerLost(exitcode=-27, limit="cpu")) for job in jobs)

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(6))
    monkeypatch.setattr(local, "run_jobs", lose)
    (outcome,) = run_items(work, [Job("a")], RunSettings(workers=workers, item_timeout=20))
    assert (pools[0].cpu_s, pools[0].wall_s) == (20 * share, 100)
    assert outcome.reason is Reason.TIMEOUT
    assert outcome.detail == f"stopped after {20 * share} s of processor time"


def test_jobs_are_read_on_demand() -> None:
    """The queue of a long run is never completely in memory."""
    taken: list[int] = []

    def jobs() -> Iterator[Job]:
        for i in range(100):
            taken.append(i)
            yield Job(str(i))

    outcomes = run_items(work, jobs(), RunSettings(workers=1))
    next(iter(outcomes))
    assert len(taken) < 10
    outcomes.close()  # type: ignore[attr-defined]


def test_matrix_products_use_one_thread_a_worker() -> None:
    (outcome,) = run_items(work, [Job("a")], RunSettings(workers=1))
    assert outcome.value is not None
    assert outcome.value.blas == "1"


def test_a_network_gets_its_workers_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit for NumPy's matrix products must not apply to PyTorch."""
    pytest.importorskip("torch")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    (outcome,) = run_items(count_threads, [Job("a")], RunSettings(workers=1, memory_limit=False))
    assert outcome.value == len(os.sched_getaffinity(0))
    assert dict(os.environ) == before


def test_thread_settings_of_the_user_take_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    (outcome,) = run_items(count_threads, [Job("a")], RunSettings(workers=1, memory_limit=False))
    assert outcome.value == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bound the address space")
def test_an_external_memory_limit_is_kept() -> None:
    """Login nodes of clusters set a limit, which a worker must not try to exceed."""
    script = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from ebb.runner.local import run_items
from ebb.settings import RunSettings
from ebb.worker_pool import WorkerLost, Workers
from tests.helpers.doubles import Job, count_threads, work
for limited in (True, False):
    (outcome,) = run_items(work, [Job("a")], RunSettings(workers=1, memory_limit=limited))
    print(outcome.status)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["ok", "ok"], done.stderr


def test_attempt_measures_time_and_keeps_outputs(tmp_path: Path) -> None:
    outcome = attempt(work, Job("a", folder=tmp_path))
    assert outcome.status is Status.OK
    assert outcome.outputs == {"doubles.py": "00"}
    assert outcome.seconds >= 0


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_a_worker_keeps_the_memory_of_one_picture_for_the_next() -> None:
    """The second array of 64 MB finds the pages of the first: 16384 pages would be asked for again."""
    script = """
import resource, numpy
from ebb.runner.local import settle_worker
settle_worker()
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    numpy.ones(8 << 20)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    first, second = map(int, done.stdout.split())
    assert second < first / 20
