"""Items on a Ray cluster, one task an item, with the outcomes of :mod:`ebb.runner.local`.

Ray only schedules: it neither retries tasks nor stores results, which are in the dataset folder. That folder
and the photos must have the same path on every machine of the cluster, and every machine the same version of
ebb. Ray's memory monitor replaces the local limit on the memory of a worker. Times are wall-clock times, as a
task has a core to itself.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic

from ebb.errors import EbbError, MissingDependency, Reason
from ebb.runner.cluster import connect
from ebb.runner.items import Job, Outcome, T
from ebb.runner.local import attempt, failed, settle_worker, timed_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ebb.runner.items import Work
    from ebb.settings import RunSettings


@dataclass
class _InFlight(Generic[Job]):
    job: Job
    deadline: float = math.inf
    """When to stop it; the time starts when a worker begins the job and excludes the time in the queue."""


def run_items(work: Work[Job, T], jobs: Iterable[Job], settings: RunSettings) -> Iterator[Outcome[Job, T]]:
    """Do every job in a separate task on the cluster and yield the outcomes in the order of completion.

    If a worker crashes or exceeds ``settings.item_timeout``, only its item fails. As many tasks as
    ``settings.workers`` are in flight, or two for each core of the cluster, also while it grows.

    Raises:
        MissingDependency: Ray is not installed here, or this version of ebb is not on the cluster.
        UsageError: there is no cluster.
        EbbError: a worker raised an error that ends the run, such as a full disk.
    """
    waiting = iter(jobs)
    for first in waiting:  # without jobs, no cluster is needed
        connect()
        yield from _collect(work, chain([first], waiting), settings)


def _collect(work: Work[Job, T], jobs: Iterator[Job], settings: RunSettings) -> Iterator[Outcome[Job, T]]:
    import ray

    task: Any = ray.remote(num_cpus=1, max_retries=0)(_answers)
    running: dict[Any, _InFlight[Job]] = {}
    try:
        while True:
            for job in islice(jobs, max(0, (settings.workers or _two_a_core()) - len(running))):
                running[task.remote(work, job)] = _InFlight(job)
            if not running:
                return
            yield from _ended(running, settings.item_timeout)
            yield from _overdue(running, settings.item_timeout)
    finally:
        for answers in running:
            ray.cancel(answers, force=True)


def _two_a_core() -> int:
    import ray

    resources: Callable[[], dict[str, float]] = ray.cluster_resources
    return max(1, 2 * int(resources().get("CPU", 0)))


def _answers(work: Work[Job, T], job: Job) -> Iterator[Outcome[Job, T] | EbbError | None]:
    """Report that a worker has the job, then its outcome. Runs on the cluster."""
    settle_worker()
    yield None
    answer: Outcome[Job, T] | EbbError
    try:
        answer = attempt(work, job)
    except EbbError as error:
        answer = error
    yield answer


def _ended(running: dict[Any, _InFlight[Job]], item_timeout: float) -> Iterator[Outcome[Job, T]]:
    """Wait for one answer or the next deadline."""
    import ray

    deadline = min(item.deadline for item in running.values())
    timeout = max(0.0, deadline - time.monotonic()) if deadline < math.inf else None
    for answers in ray.wait(list(running), num_returns=1, timeout=timeout)[0]:
        outcome: Outcome[Job, T] | None = _next_answer(answers, running[answers].job)
        if outcome is None:
            running[answers].deadline = time.monotonic() + item_timeout
        else:
            del running[answers]
            yield outcome


def _next_answer(answers: Any, job: Job) -> Outcome[Job, T] | None:  # noqa: ANN401 - differs between Ray's versions
    from ray import exceptions as gone
    from ray import get

    try:
        answer: Outcome[Job, T] | EbbError | None = get(next(answers))
    except gone.OutOfMemoryError:
        return failed(job, Reason.OUT_OF_MEMORY, "Ray stopped the worker as its machine ran out of memory")
    except gone.RayTaskError as error:
        what = f"a Ray worker cannot take the work: {error.cause}"
        raise MissingDependency(what, hint="install this ebb on the whole cluster") from error
    except gone.WorkerCrashedError as error:
        return failed(job, Reason.WORKER_CRASH, f"the worker died ({type(error).__name__})")
    except gone.RayError as error:  # a machine left, say, or the whole cluster
        return failed(job, Reason.WORKER_CRASH, f"the cluster lost it ({type(error).__name__}): run it again")
    if isinstance(answer, EbbError):
        raise answer
    return answer


def _overdue(running: dict[Any, _InFlight[Job]], item_timeout: float) -> Iterator[Outcome[Job, T]]:
    """Stop tasks that are past their deadline and have no unread answer."""
    import ray

    late = [answers for answers, item in running.items() if item.deadline <= time.monotonic()]
    stuck = ray.wait(late, num_returns=len(late), timeout=0)[1] if late else []
    for answers in stuck:
        ray.cancel(answers, force=True)
        yield timed_out(running.pop(answers).job, item_timeout, "by the clock")
