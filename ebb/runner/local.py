"""Items through worker processes that can crash, hang or run out of memory without taking the run along."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import threading
import time
import traceback
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from multiprocessing import forkserver, resource_tracker
from typing import TYPE_CHECKING, Any

from ebb.errors import EbbError, ItemError, Reason, Status
from ebb.runner.items import Job, Outcome, T

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ebb.runner.items import Work
    from ebb.settings import RunSettings

_PRELOAD = ["numpy", "cv2", "rawpy"]
"""Loaded once by the fork server, so that replacing a worker costs milliseconds."""

_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""NumPy's matrix products use one thread a worker, unless the user says otherwise: with one a core for each
worker, most of the time goes into threads that wait for each other (aligning took three times as long)."""

_SHARED_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""What libraries go by that a worker loads itself, as PyTorch: they get the worker's share of the cores."""


def run_items(work: Work[Job, T], jobs: Iterable[Job], settings: RunSettings) -> Iterator[Outcome[Job, T]]:
    """Do every job in a worker process and yield the outcomes as they come.

    A worker that crashes or exceeds ``settings.item_timeout`` is replaced and costs its own item only.
    At most two jobs a worker are queued, so memory stays flat however many jobs there are, and there are no
    more workers than jobs.

    Raises:
        EbbError: a worker met something that ends the run, such as a full disk.
    """
    waiting = iter(jobs)
    first = list(islice(waiting, settings.num_workers))
    if first:
        yield from _in_pool(work, chain(first, waiting), settings, len(first))


def _in_pool(
    work: Work[Job, T], jobs: Iterator[Job], settings: RunSettings, num_workers: int
) -> Iterator[Outcome[Job, T]]:
    from pebble import ProcessPool

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    share = str(max(1, len(os.sched_getaffinity(0)) // settings.num_workers))
    _start_fork_server(dict.fromkeys(_BLAS_THREADS, "1") | {"OMP_NUM_THREADS": share})  # the last is LibRaw's
    memory_bytes = _memory_share(settings) if settings.memory_limit else resource.RLIM_INFINITY
    pool: Any = ProcessPool(
        max_workers=num_workers,
        context=context,
        initializer=_prepare_worker,
        initargs=[memory_bytes, {name: os.environ.get(name, share) for name in _SHARED_THREADS}],
    )
    try:
        with _signals_held_back():
            _ = pool.active  # starts the workers
        yield from _collect(pool, work, jobs, settings)
    finally:
        pool.stop()
        pool.join()


def _start_fork_server(environment: Mapping[str, str]) -> None:
    """Start the fork server with Ctrl-C ignored, as in the workers: the parent process stops them."""
    resource_tracker.ensure_running()  # else the fork server would start it, and lift the block
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # children inherit it
    try:
        with _environment(environment):
            forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let one signal wait, not two: a worker left half started tells the terminal at length how it failed."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main one gets signals
        return
    came: list[int] = []

    def hold_back(number: int, _: object) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    handlers = {number: signal.signal(number, hold_back) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def _environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """Set what the user has not set, for what is started meanwhile."""
    added = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _collect(
    pool: Any,  # noqa: ANN401 - pebble has no types
    work: Work[Job, T],
    jobs: Iterator[Job],
    settings: RunSettings,
) -> Iterator[Outcome[Job, T]]:
    running: dict[Any, Job] = {}
    while True:
        for job in islice(jobs, 2 * settings.num_workers - len(running)):
            running[pool.schedule(attempt, args=(work, job), timeout=settings.item_timeout)] = job
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in [each for each in running if each in done]:  # a set has no order
            yield _outcome(future, running.pop(future), settings.item_timeout)


def _outcome(future: Any, job: Job, item_timeout: float) -> Outcome[Job, T]:  # noqa: ANN401 - as above
    from pebble import ProcessExpired

    try:
        outcome: Outcome[Job, T] = future.result()
    except FutureTimeout:
        return timed_out(job, item_timeout)
    except ProcessExpired as error:
        return failed(job, Reason.WORKER_CRASH, _how_it_died(error.exitcode))
    return outcome


def _how_it_died(exitcode: int) -> str:
    if exitcode < 0:
        return f"the worker died of signal {-exitcode} ({signal.Signals(-exitcode).name})"
    return f"the worker left with exit code {exitcode}"


def failed(job: Job, reason: Reason, detail: str, seconds: float = 0.0) -> Outcome[Job, T]:
    """Outcome of a job that broke."""
    return Outcome(job=job, status=Status.ERROR, reason=reason, detail=detail, seconds=seconds)


def timed_out(job: Job, item_timeout: float) -> Outcome[Job, T]:
    """Outcome of a job that was stopped after ``item_timeout`` seconds."""
    return failed(job, Reason.TIMEOUT, f"stopped after {item_timeout:g} s", item_timeout)


def attempt(work: Work[Job, T], job: Job) -> Outcome[Job, T]:
    """Do one job where it is called; every failure of the job itself becomes its outcome.

    Raises:
        EbbError: what concerns the whole run and not this item (no space, a missing package).
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
    except Exception as error:  # noqa: BLE001 - a bug costs one item, and its row says where it is
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
        return failed(job, Reason.INTERNAL_ERROR, f"{type(error).__name__}: {error} (at {where})")
    return Outcome(job=job, status=Status.OK, value=result.value, outputs=result.outputs)


def _describe(error: ItemError) -> str:
    return f"{error.path}: {error.message}" if error.path is not None else error.message


_KEEP_BYTES = 1 << 29
"""Freed memory that a worker keeps for its next picture."""


def settle_worker() -> None:
    """Make a process a good worker: one thread for OpenCV, no core dumps.

    Memory it frees stays with it: new pages for every picture were a fifth of the time of aligning.
    """
    import logging

    import cv2

    cv2.setNumThreads(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.getLogger("exifread").setLevel(logging.ERROR)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Tell glibc to take large arrays from the heap as well, and to give little of it back."""
    import ctypes

    trim_threshold, mmap_max = -1, -4  # malloc.h
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, _KEEP_BYTES)


def _prepare_worker(memory_bytes: int, threads: Mapping[str, str]) -> None:
    """Leave signals to the parent, a bound on memory, silence."""
    settle_worker()
    os.environ.update(threads)
    # LibRaw writes to the terminal by itself; what is wrong with a file is in its row.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)

    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _limit_memory(memory_bytes)


def _limit_memory(memory_bytes: int) -> None:
    """Bound the address space, never above what the user's shell or batch system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bounds = [bound for bound in (memory_bytes, soft) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(bounds, default=resource.RLIM_INFINITY), hard))


def _die_with_parent() -> None:
    """Ask Linux to kill this worker when its fork server goes, so that no orphan writes into a later run."""
    import ctypes
    import sys

    pr_set_pdeathsig = 1
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _memory_share(settings: RunSettings) -> int:
    """Address space one worker may take: its share of the machine's memory, at least 4 GiB."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(4 << 30, physical // settings.num_workers)
