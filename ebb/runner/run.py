"""Items through the runner that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.runner import local, ray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ebb.runner.items import Job, Outcome, T, Work
    from ebb.settings import RunSettings


def run_items(work: Work[Job, T], jobs: Iterable[Job], settings: RunSettings) -> Iterator[Outcome[Job, T]]:
    """Do every job and yield the outcomes as they come, the same ones whatever the runner.

    Raises:
        EbbError: what ends the run, such as a full disk or a runner that is not installed.
    """
    if settings.runner == "ray":
        return ray.run_items(work, jobs, settings)
    return local.run_items(work, jobs, settings)
