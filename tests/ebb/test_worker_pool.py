"""Workers that are killed at a known point do not affect other jobs."""

from __future__ import annotations

import functools
import gc
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from ebb.errors import UsageError
from ebb.worker_pool import MAX_FAILED_STARTS, WorkerLost, Workers, run_jobs

KILLED = WorkerLost(exitcode=-signal.SIGKILL)
GONE = WorkerLost(exitcode=255)
"""How it ends is not known where the fork server is killed as well."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_fork_server() -> None:
    os.kill(os.getppid(), signal.SIGKILL)


def die_with_fork_server() -> None:
    kill_fork_server()
    die()


def die_within_a_message() -> None:
    """After the length of a message, before its content."""
    (pipe,) = [each for each in gc.get_objects() if isinstance(each, Connection) and not each.closed]
    os.write(pipe.fileno(), struct.pack("!i", 1000) + b"half")
    die()


def once(marker: Path, action: Callable[[], None]) -> None:
    """Do something in the first process that gets here."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return
    action()


@dataclass(frozen=True)
class Job:
    """A number, and what happens at three points of its way through a worker."""

    number: int
    marker: Path = Path()
    arrival: Callable[[], None] | None = None
    work: Callable[[], None] | None = None
    result: Callable[[], None] | None = None

    def __reduce__(self) -> tuple[object, ...]:
        values = (self.number, self.marker, self.arrival, self.work, self.result)
        return arrive, values


def arrive(number: int, marker: Path, *actions: Callable[[], None] | None) -> Job:
    if actions[0]:
        once(marker, actions[0])
    return Job(number, marker, *actions)


class Deadly:
    """A result that ends its process when it is sent."""

    def __reduce__(self) -> tuple[object, ...]:
        die()
        raise AssertionError


def square(job: Job) -> object:
    if job.work:
        once(job.marker, job.work)
    if job.result:
        job.result()
    return job.number**2


def refuse(job: Job) -> None:
    raise LookupError(f"job {job.number}")


def sixth_is_deadly(job: Job) -> object:
    return Deadly() if job.number == 6 else job.number**2


def run(jobs: list[Job], workers: Workers, function: Callable[[Job], object] = square) -> dict[int, object]:
    return {job.number: result for job, result in run_jobs(function, jobs, workers)}


SQUARES = {number: number**2 for number in range(12)}


@pytest.mark.parametrize("action", [die, die_with_fork_server])
def test_a_worker_killed_before_its_first_job_is_replaced(tmp_path: Path, action: Callable[[], None]) -> None:
    workers = Workers(count=2, prepare=functools.partial(once, tmp_path / "killed", action))
    assert run([Job(number) for number in range(12)], workers) == SQUARES
    assert (tmp_path / "killed").exists()


@pytest.mark.parametrize("action", [die, die_with_fork_server])
def test_a_job_whose_worker_is_killed_while_it_takes_it_is_done_by_another(
    tmp_path: Path, action: Callable[[], None]
) -> None:
    jobs = [Job(number, tmp_path / "killed", action if number == 6 else None) for number in range(12)]
    workers = Workers(count=1)
    assert run(jobs, workers) == SQUARES
    assert (tmp_path / "killed").exists()


@pytest.mark.parametrize(
    ("action", "lost"), [(die, KILLED), (die_within_a_message, KILLED), (die_with_fork_server, GONE)]
)
def test_a_job_that_was_begun_is_lost_with_its_worker(
    tmp_path: Path, action: Callable[[], None], lost: WorkerLost
) -> None:
    jobs = [Job(number, tmp_path / "killed", None, action if number == 6 else None) for number in range(12)]
    assert run(jobs, Workers(count=1)) == SQUARES | {6: lost}


def test_a_worker_killed_while_it_sends_a_result_loses_this_job_only() -> None:
    found = run([Job(number) for number in range(12)], Workers(count=2), sixth_is_deadly)
    assert found == SQUARES | {6: KILLED}


def test_a_killed_fork_server_loses_no_job(tmp_path: Path) -> None:
    """Its workers go on, and the next one starts a new server."""
    jobs = [
        Job(number, tmp_path / "killed", None, kill_fork_server if number == 0 else None)
        for number in range(12)
    ]
    workers = Workers(count=3, prepare=functools.partial(once, tmp_path / "first", die))
    assert run(jobs, workers) == SQUARES


def test_workers_that_all_die_at_their_start_end_the_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run([Job(number) for number in range(12)], Workers(count=2, prepare=die))
    assert str(caught.value).startswith(
        "worker processes cannot be started: the worker died of signal 9 (SIGKILL) (lower --workers"
    )
    assert MAX_FAILED_STARTS == 3


def lacks_memory() -> None:
    raise ImportError("libopenblas.so: failed to map segment from shared object")


def test_workers_that_cannot_be_prepared_are_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="cannot be started: ImportError: libopenblas.so: failed to map"):
        run([Job(0)], Workers(count=1, prepare=lacks_memory))
    assert capfd.readouterr() == ("", "")


def spin() -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("action", "limits", "lost"),
    [
        (spin, {"cpu_s": 0.2}, WorkerLost(exitcode=-signal.SIGPROF, limit="cpu")),
        (signal.pause, {"cpu_s": 0.2, "wall_s": 0.3}, WorkerLost(exitcode=-signal.SIGKILL, limit="wall")),
    ],
)
def test_a_job_that_takes_too_long_is_stopped(
    action: Callable[[], None], limits: dict[str, float], lost: WorkerLost
) -> None:
    jobs = [Job(0), Job(1, result=action), Job(2)]
    assert run(jobs, Workers(count=1, **limits)) == {0: 0, 1: lost, 2: 4}


def test_time_before_a_job_runs_is_not_counted() -> None:
    """The job waits for six times the limit, like one without a free processor."""
    waits = functools.partial(time.sleep, 0.3)
    assert run([Job(3, result=waits)], Workers(count=1, cpu_s=0.05)) == {3: 9}


def test_the_time_of_a_job_does_not_include_others() -> None:
    """Together they take six times the limit."""
    works = functools.partial(use_processor, 0.1)
    assert run([Job(number, result=works) for number in range(12)], Workers(count=1, cpu_s=0.2)) == SQUARES


def use_processor(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_an_exception_of_a_job_is_raised_here() -> None:
    with pytest.raises(LookupError, match="job 0"):
        run([Job(0)], Workers(count=1), refuse)


def unpicklable(_: Job) -> object:
    return lambda: None


def test_a_result_that_cannot_be_sent_is_an_error() -> None:
    with pytest.raises(TypeError, match="a result that cannot be sent"):
        run([Job(0)], Workers(count=1), unpicklable)


def test_the_next_job_begins_before_a_result_is_handed_over() -> None:
    """A caller that works on the results for long does not keep the worker waiting."""
    taken: list[int] = []

    def jobs() -> Iterator[Job]:
        for number in range(100):
            taken.append(number)
            yield Job(number)

    results = run_jobs(square, jobs(), Workers(count=1))
    assert next(results)[1] == 0
    assert taken == [0, 1]
    results.close()  # type: ignore[attr-defined]


def test_there_are_no_more_workers_than_jobs() -> None:
    results = dict(run_jobs(process_of, [Job(number) for number in range(3)], Workers(count=1000)))
    assert len(results) == 3
    assert len(set(results.values())) <= 3
    assert list(run_jobs(square, [], Workers(count=2))) == []


def process_of(_: Job) -> int:
    return os.getpid()


def test_a_fresh_interpreter_on_request() -> None:
    assert run([Job(2)], Workers(count=1, start_method="spawn")) == {2: 4}


def test_a_stop_while_workers_start_ends_without_a_message() -> None:
    """Ctrl-C in the first second reaches all processes, one of them half started."""
    script = """
import os, signal
from multiprocessing import forkserver
from ebb.worker_pool import Workers, run_jobs

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started the tests with it ignored
list(run_jobs(abs, [-1], Workers(count=1)))  # now the fork server is there
wait_for_start = forkserver.read_signed

def interrupted(descriptor):
    forkserver.read_signed = wait_for_start
    os.killpg(0, signal.SIGINT)
    return wait_for_start(descriptor)

forkserver.read_signed = interrupted
try:
    list(run_jobs(abs, [-1], Workers(count=1)))
except KeyboardInterrupt:
    print("stopped")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, start_new_session=True
    )
    assert (done.stdout, done.stderr) == ("stopped\n", "")


def test_workers_end_with_a_parent_that_is_killed() -> None:
    """Also in the middle of a job: the write end of standard output closes when the last of them is gone."""
    script = """
import os, signal
from ebb.worker_pool import Workers, run_jobs
from tests.ebb.test_worker_pool import kill_and_wait
list(run_jobs(kill_and_wait, [os.getpid()], Workers(count=1)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL


def kill_and_wait(parent: int) -> None:
    os.kill(parent, signal.SIGKILL)
    signal.pause()


@pytest.mark.parametrize(
    ("exitcode", "text"),
    [
        (-9, "the worker died of signal 9 (SIGKILL)"),
        (-40, "the worker died of signal 40"),
        (-signal.SIGRTMAX, f"the worker died of signal {int(signal.SIGRTMAX)} (SIGRTMAX)"),
        (3, "the worker left with exit code 3"),
    ],
)
def test_how_a_worker_ended(exitcode: int, text: str) -> None:
    assert str(WorkerLost(exitcode=exitcode)) == text
