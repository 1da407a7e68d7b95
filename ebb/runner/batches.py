"""Batches of items where that is faster, as on a GPU; still one outcome an item.

A batch is one job of :func:`ebb.runner.run.run_once`. When a batch fails as a whole, its items are processed
one by one, and each gets the outcome it has alone.
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from ebb.errors import EbbError, ItemError
from ebb.runner.items import Job, Result, T
from ebb.runner.local import attempt
from ebb.runner.run import run_items, run_once

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from ebb.runner.items import Outcome, Work
    from ebb.settings import RunSettings

Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class Batching(Generic[Job, Made, T]):
    """How a stage processes several items at once; its functions are picklable."""

    size: int
    """Most items in a batch."""
    alike: Callable[[Job], Hashable]
    """Items of equal value may share a batch."""
    together: Callable[[Sequence[Job]], Sequence[Made]]
    """Computes the costly part for a batch, in its order; may raise any exception. Runs in a worker."""
    finish: Callable[[Job, Made], Result[T]]
    """Completes the result of one item from its part. Runs in a worker."""


def run_batches(
    work: Work[Job, T], jobs: Iterable[Job], settings: RunSettings, batching: Batching[Job, Made, T]
) -> Iterator[Outcome[Job, T]]:
    """Do every job in a batch and yield the outcomes of ``run_items`` in the order of completion.

    Where ``together`` fails, the worker processes the items of the batch one by one with ``work``. The items
    of a batch whose worker crashes or takes longer than ``settings.item_timeout`` an item come last.

    Raises:
        EbbError: an error that ends the run, as in ``run_items``.
    """
    patient = replace(settings, item_timeout=settings.item_timeout * batching.size)
    again: list[Job] = []
    batches = in_batches(jobs, batching.size, batching.alike)
    for batch in run_once(functools.partial(_do_batch, work, batching), batches, patient):
        if batch.value is None:
            again.extend(batch.job)
        else:
            yield from batch.value
    if again:
        yield from run_items(work, again, settings)


def in_batches(jobs: Iterable[Job], size: int, alike: Callable[[Job], Hashable]) -> Iterator[tuple[Job, ...]]:
    """Group jobs that are alike, ``size`` at a time and in order; incomplete batches come last."""
    waiting: dict[Hashable, list[Job]] = {}
    for job in jobs:
        same = waiting.setdefault(alike(job), [])
        same.append(job)
        if len(same) == size:
            yield tuple(waiting.pop(alike(job)))
    yield from map(tuple, waiting.values())


def _do_batch(
    work: Work[Job, T], batching: Batching[Job, Made, T], jobs: tuple[Job, ...]
) -> Result[list[Outcome[Job, T]]]:
    """Process a batch in a worker; its value is the outcomes of its items."""
    start = time.perf_counter()
    parts = _try_together(batching, jobs)
    if parts is None:
        return Result(value=[attempt(work, job) for job in jobs])
    share = (time.perf_counter() - start) / len(jobs)
    outcomes: list[Outcome[Job, T]] = []
    for job, part in zip(jobs, parts, strict=True):
        outcome = attempt(functools.partial(_finish, batching, part), job)
        outcomes.append(replace(outcome, seconds=outcome.seconds + share))
    return Result(value=outcomes)


def _try_together(batching: Batching[Job, Made, T], jobs: tuple[Job, ...]) -> Sequence[Made] | None:
    """Compute the costly part of every job; None if that fails for all at once.

    Raises:
        EbbError: an error that ends the run.
    """
    try:
        parts = batching.together(jobs)
    except ItemError:
        return None
    except EbbError:
        raise
    except Exception:  # noqa: BLE001 - the item that causes it fails again alone
        return None
    return parts if len(parts) == len(jobs) else None


def _finish(batching: Batching[Job, Made, T], part: Made, job: Job) -> Result[T]:
    return batching.finish(job, part)
