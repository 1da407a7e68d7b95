"""Items through the runner that the settings name; late ones get a second try."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ebb.errors import Reason
from ebb.runner import local, ray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ebb.runner.items import Job, Outcome, T, Work
    from ebb.settings import RunSettings


def run_items(work: Work[Job, T], jobs: Iterable[Job], settings: RunSettings) -> Iterator[Outcome[Job, T]]:
    """Do every job and yield the outcomes in the order of completion; both runners give the same ones.

    Jobs that exceed their time are tried once more after all others, one at a time: on a busy machine they
    may only have been slow.

    Raises:
        EbbError: an error that ends the run, such as a full disk or a runner that is not installed.
    """
    late: list[Job] = []
    for outcome in run_once(work, jobs, settings):
        if outcome.reason is Reason.TIMEOUT:
            late.append(outcome.job)
        else:
            yield outcome
    if late:
        yield from run_once(work, late, replace(settings, workers=1))


def run_once(work: Work[Job, T], jobs: Iterable[Job], settings: RunSettings) -> Iterator[Outcome[Job, T]]:
    """Do every job as :func:`run_items` does, without a second try.

    Raises:
        EbbError: as :func:`run_items`.
    """
    if settings.runner == "ray":
        return ray.run_items(work, jobs, settings)
    return local.run_items(work, jobs, settings)
