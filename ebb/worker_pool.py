"""Jobs in worker processes that may die at any moment.

Workers share no pipe and no lock: one that is killed, even in the middle of a message, is replaced while the
others go on. A worker reports when it begins a job. Only a job that was begun is lost with its worker; one
that was waiting is given to another.
"""

from __future__ import annotations

import errno
import math
import multiprocessing
import signal
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import wait
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from ebb.errors import UsageError
from ebb.fork_server import end_with_parent, fork_server, wait_for_lost_server
from ebb.stop import HeldSignals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Job = TypeVar("Job")
T = TypeVar("T")

MAX_FAILED_STARTS = 3
"""Workers in succession that may die before they begin a job."""

_READY, _FAILED, _BEGUN, _DONE, _RAISED = "ready", "failed", "begun", "done", "raised"


@dataclass(frozen=True, kw_only=True)
class Workers:
    """The processes of a pool."""

    count: int
    """Most workers at a time; there are never more than jobs."""
    prepare: Callable[[], object] = tuple
    """Called once in each worker before its first job; picklable. The default does nothing."""
    preload: Sequence[str] = ()
    """Modules that the fork server imports."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the workers, unless the user has set them."""
    cpu_s: float = math.inf
    """Processor time of one job in seconds, over all threads of its worker."""
    wall_s: float = math.inf
    """Wall-clock time of one job in seconds."""
    start_method: Literal["forkserver", "spawn"] = "forkserver"


@dataclass(frozen=True, kw_only=True)
class WorkerLost:
    """The worker of a job died, or was stopped because the job took too long."""

    exitcode: int
    """Exit code of the worker, or the negative number of the signal that ended it."""
    limit: Literal["", "cpu", "wall"] = ""
    """The limit of time that the job exceeded."""

    def __str__(self) -> str:
        return _how_it_ended(self.exitcode)


def run_jobs(
    function: Callable[[Job], T], jobs: Iterable[Job], workers: Workers
) -> Iterator[tuple[Job, T | WorkerLost]]:
    """Call a function for every job in worker processes and yield the results in the order of completion.

    The next job of a worker begins before the result of the one before is yielded.

    Args:
        function: Picklable, as are the jobs and the results.
        jobs: Taken from as workers become free.
        workers: The processes.

    Yields:
        Each job with its result, or with how its worker was lost.

    Raises:
        UsageError: workers cannot be started.
        Exception: any exception that ``function`` raises.
    """
    pool = _Pool(function, iter(jobs), workers)
    try:
        while results := pool.turn():
            yield from results
    finally:
        pool.close()


@dataclass(eq=False)
class _Worker(Generic[Job]):
    process: BaseProcess
    connection: Connection[Any, Any]
    job: Job
    """The job it has, or gets when it is ready."""
    has_begun: bool = False
    deadline: float = math.inf


class _Pool(Generic[Job, T]):
    def __init__(self, function: Callable[[Job], T], jobs: Iterator[Job], settings: Workers) -> None:
        self._pickled = bytes(ForkingPickler.dumps((function, settings.prepare)))
        self._jobs, self._settings = jobs, settings
        self._again: deque[Job] = deque()
        self._workers: list[_Worker[Job]] = []
        self._failed_starts = 0

    def turn(self) -> list[tuple[Job, T | WorkerLost]]:
        """Wait for results; an empty list when all jobs are done."""
        results: list[tuple[Job, T | WorkerLost]] = []
        self._fill()
        while self._workers and not results:
            connections = [worker.connection for worker in self._workers]
            ready = wait(connections, self._seconds_left())
            for worker in list(self._workers):
                if worker.connection in ready:
                    results += self._receive(worker)
                elif worker.deadline <= time.monotonic():
                    results.append((worker.job, WorkerLost(exitcode=self._stop(worker), limit="wall")))
            self._fill()
        return results

    def close(self) -> None:
        """Stop all workers."""
        for worker in list(self._workers):
            self._stop(worker)

    def _seconds_left(self) -> float | None:
        deadline = min(worker.deadline for worker in self._workers)
        return None if deadline == math.inf else max(0.0, deadline - time.monotonic())

    def _fill(self) -> None:
        """Start a worker for each job that can be taken."""
        while len(self._workers) < self._settings.count and (jobs := self._next_job()):
            self._start(*jobs)

    def _next_job(self) -> list[Job]:
        """The next job; empty if there is none."""
        return [self._again.popleft()] if self._again else list(islice(self._jobs, 1))

    def _start(self, job: Job) -> None:
        settings = self._settings
        try:
            with HeldSignals():  # a worker that is interrupted while it starts prints a traceback
                context: Any = (
                    fork_server(settings.preload, settings.environment)
                    if settings.start_method == "forkserver"
                    else multiprocessing.get_context(settings.start_method)
                )
                mine, its = context.Pipe()
                arguments = (its, self._pickled, settings.cpu_s)
                process = context.Process(target=_serve, args=arguments, daemon=True)
                process.start()
                self._workers.append(_Worker(process, mine, job))
                its.close()
        except (OSError, EOFError) as error:
            if isinstance(error, OSError) and error.errno in _TOO_LITTLE:
                raise _cannot_start(str(error)) from error
            self._count_failed_start(job, f"{type(error).__name__}: {error}")
            wait_for_lost_server()

    def _receive(self, worker: _Worker[Job]) -> list[tuple[Job, T | WorkerLost]]:
        """Read one message of a worker and answer it."""
        try:
            kind, value = worker.connection.recv()
            if kind == _READY:
                worker.connection.send(worker.job)
        except (EOFError, OSError):
            return self._lost(worker)
        if kind == _BEGUN:
            worker.has_begun, self._failed_starts = True, 0
            worker.deadline = time.monotonic() + self._settings.wall_s
        elif kind == _RAISED:
            raise value
        elif kind == _FAILED:
            raise _cannot_start(value)
        elif kind == _DONE:
            job = worker.job
            self._give_next(worker)
            return [(job, value)]
        return []

    def _give_next(self, worker: _Worker[Job]) -> None:
        worker.has_begun, worker.deadline = False, math.inf
        if not (jobs := self._next_job()):
            self._stop(worker)
            return
        (worker.job,) = jobs
        with suppress(OSError):  # it died meanwhile, which the next turn finds out
            worker.connection.send(worker.job)

    def _lost(self, worker: _Worker[Job]) -> list[tuple[Job, T | WorkerLost]]:
        worker.process.join()
        exitcode = self._stop(worker)
        if worker.has_begun:
            limit: Literal["", "cpu"] = "cpu" if exitcode == -signal.SIGPROF else ""
            return [(worker.job, WorkerLost(exitcode=exitcode, limit=limit))]
        self._count_failed_start(worker.job, _how_it_ended(exitcode))
        return []

    def _count_failed_start(self, job: Job, reason: str) -> None:
        self._again.append(job)
        self._failed_starts += 1
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise _cannot_start(reason)

    def _stop(self, worker: _Worker[Job]) -> int:
        """End a worker, if it has not ended, and return its exit code."""
        self._workers.remove(worker)
        worker.connection.close()
        worker.process.kill()
        worker.process.join()
        return worker.process.exitcode or 0


_TOO_LITTLE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
"""Errors of a system that has no more files, memory or processes to give."""


def _cannot_start(reason: str) -> UsageError:
    return UsageError(
        f"worker processes cannot be started: {reason}",
        hint="lower --workers, or raise the limits on memory (ulimit -v), open files (-n) and processes (-u)",
    )


def _how_it_ended(exitcode: int) -> str:
    if exitcode < 0:
        return f"the worker died of signal {-exitcode}{_name_of(-exitcode)}"
    return f"the worker left with exit code {exitcode}"


def _name_of(number: int) -> str:
    """Name of a signal in brackets; real-time signals have none, apart from the first and the last."""
    with suppress(ValueError):
        return f" ({signal.Signals(number).name})"
    return ""


def _serve(connection: Connection[Any, Any], pickled: bytes, cpu_s: float) -> None:
    """Do one job after another until the parent process closes the pipe or ends.

    Args:
        connection: To the parent process.
        pickled: The function of the jobs, and the one that prepares this process.
        cpu_s: Processor time of one job in seconds.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    end_with_parent()
    try:
        function, prepare = ForkingPickler.loads(pickled)
        prepare()
    except Exception as error:  # noqa: BLE001 - the parent process says it in one line
        connection.send((_FAILED, f"{type(error).__name__}: {error}"))
        return
    with suppress(EOFError, ConnectionError):
        connection.send((_READY, None))
        while True:
            job = connection.recv()
            connection.send((_BEGUN, None))
            _limit_cpu_time(cpu_s)
            kind, value = _call(function, job)
            _limit_cpu_time(math.inf)
            _send(connection, kind, value)


def _call(function: Callable[[Any], Any], job: Any) -> tuple[str, Any]:  # noqa: ANN401 - any job
    try:
        return _DONE, function(job)
    except Exception as error:  # noqa: BLE001 - the parent process raises it
        return _RAISED, error


def _send(connection: Connection[Any, Any], kind: str, value: object) -> None:
    try:
        connection.send((kind, value))
    except (EOFError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever the value raises while it is pickled
        connection.send((_RAISED, TypeError(f"a result that cannot be sent: {error}")))


def _limit_cpu_time(seconds: float) -> None:
    """Let the kernel end this process by SIGPROF after so many seconds of processor time; infinity: never."""
    with suppress(OSError):  # a system without this timer: the limit on wall-clock time is left
        signal.setitimer(signal.ITIMER_PROF, 0.0 if seconds == math.inf else seconds)
