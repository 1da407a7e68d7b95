"""Items in worker processes that may crash, hang or run out of memory while the run goes on."""

from __future__ import annotations

import functools
import os
import resource
import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

from ebb.errors import EbbError, ItemError, Reason, Status
from ebb.runner.items import Job, Outcome, T
from ebb.worker_pool import WorkerLost, Workers, run_jobs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ebb.runner.items import Work
    from ebb.settings import RunSettings

WALL_FACTOR = 5
"""Limit on the wall-clock time of an item in units of ``item_timeout``; it stops one that only waits."""

_PRELOAD = ("numpy", "cv2", "rawpy")
"""Loaded once by the fork server, so that replacing a worker takes milliseconds."""

_SHARED_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Read by libraries that a worker imports itself, such as PyTorch; set to the worker's share of the cores."""


def run_items(work: Work[Job, T], jobs: Iterable[Job], settings: RunSettings) -> Iterator[Outcome[Job, T]]:
    """Do every job in a worker process and yield the outcomes in the order of completion.

    A worker that dies is replaced, and so is one whose item exceeds ``settings.item_timeout``: seconds of
    processor time on each core of the worker's share, or :data:`WALL_FACTOR` times as long by the clock. Its
    item fails, no other. One job a worker is in flight, so memory does not grow with the number of jobs, and
    there are never more workers than jobs.

    Raises:
        UsageError: workers cannot be started.
        EbbError: a worker raised an error that ends the run, such as a full disk.
    """
    share = max(1, len(os.sched_getaffinity(0)) // settings.num_workers)
    threads = {name: os.environ.get(name, str(share)) for name in _SHARED_THREADS}
    memory_bytes = _memory_share(settings) if settings.memory_limit else resource.RLIM_INFINITY
    workers = Workers(
        count=settings.num_workers,
        prepare=functools.partial(_prepare_worker, memory_bytes, threads),
        preload=_PRELOAD,
        environment={"OMP_NUM_THREADS": str(share)},  # for LibRaw
        cpu_s=settings.item_timeout * share,
        wall_s=settings.item_timeout * WALL_FACTOR,
    )
    for job, result in run_jobs(functools.partial(attempt, work), jobs, workers):
        yield _lost(job, result, workers) if isinstance(result, WorkerLost) else result


def _lost(job: Job, lost: WorkerLost, workers: Workers) -> Outcome[Job, T]:
    if lost.limit == "cpu":
        return timed_out(job, workers.cpu_s, "of processor time")
    if lost.limit == "wall":
        return timed_out(job, workers.wall_s, "by the clock")
    return failed(job, Reason.WORKER_CRASH, str(lost))


def failed(job: Job, reason: Reason, detail: str, seconds: float = 0.0) -> Outcome[Job, T]:
    """Outcome of a job that broke."""
    return Outcome(job=job, status=Status.ERROR, reason=reason, detail=detail, seconds=seconds)


def timed_out(job: Job, seconds: float, of: str) -> Outcome[Job, T]:
    """Outcome of a job that exceeded its time."""
    return failed(job, Reason.TIMEOUT, f"stopped after {seconds:g} s {of}", seconds)


def attempt(work: Work[Job, T], job: Job) -> Outcome[Job, T]:
    """Do one job in this process; every failure of the job itself becomes its outcome.

    Raises:
        EbbError: an error of the whole run and not of this item (no space, a missing package).
    """
    start = time.perf_counter()
    outcome = _try(work, job)
    return replace(outcome, seconds=time.perf_counter() - start)


def _try(work: Work[Job, T], job: Job) -> Outcome[Job, T]:
    try:
        result = work(job)
    except ItemError as error:
        outcome: Outcome[Job, T] = failed(job, error.reason, _describe(error))
        return replace(outcome, status=error.status, measurements=error.measurements)
    except EbbError:
        raise
    except MemoryError as error:
        return failed(job, Reason.OUT_OF_MEMORY, str(error) or "no memory left")
    except Exception as error:  # noqa: BLE001 - a bug fails one item, whose row names the line
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
        return failed(job, Reason.INTERNAL_ERROR, f"{type(error).__name__}: {error} (at {where})")
    return Outcome(job=job, status=Status.OK, value=result.value, outputs=result.outputs)


def _describe(error: ItemError) -> str:
    return f"{error.path}: {error.message}" if error.path is not None else error.message


_KEEP_BYTES = 1 << 29
"""Freed memory that a worker keeps for its next photo."""


def settle_worker() -> None:
    """Set up a worker process: one thread for OpenCV, no core dumps.

    It keeps the memory it frees: new pages for every photo took a fifth of the time of aligning.
    """
    import logging

    import cv2

    cv2.setNumThreads(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.getLogger("exifread").setLevel(logging.ERROR)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let glibc allocate large arrays on the heap and keep most of it when they are freed."""
    import ctypes

    trim_threshold, mmap_max = -1, -4  # malloc.h
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, _KEEP_BYTES)


def _prepare_worker(memory_bytes: int, threads: Mapping[str, str]) -> None:
    """Set threads and a limit on memory, and silence standard error."""
    settle_worker()
    os.environ.update(threads)
    # LibRaw writes to the terminal by itself; the row of a file says what is wrong with it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    _limit_memory(memory_bytes)


def _limit_memory(memory_bytes: int) -> None:
    """Limit the address space, never above the limit of the user's shell or batch system."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bounds = [bound for bound in (memory_bytes, soft) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(bounds, default=resource.RLIM_INFINITY), hard))


def _memory_share(settings: RunSettings) -> int:
    """Address space of one worker: its share of the machine's memory, at least 4 GiB."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(4 << 30, physical // settings.num_workers)
