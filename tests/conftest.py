"""Settings that make tests independent of the shell, of random numbers and of the machine's speed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.helpers.environment import TERMINAL_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

# Every run has the same examples, so that failures are due to the change under test.
# HYPOTHESIS_PROFILE=default generates new ones.
settings.register_profile("ebb", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ebb"))


def pytest_configure() -> None:
    """Remove settings, colours and the terminal from the environment, also that of child processes."""
    for name in [*TERMINAL_VARIABLES, *(name for name in os.environ if name.startswith("EBB_"))]:
        os.environ.pop(name, None)
    os.environ["COLUMNS"] = "80"  # where help and errors break lines, whatever the terminal's width
    if "PYTEST_XDIST_WORKER" in os.environ:  # each core has a worker: more threads would wait for each other
        os.environ |= {"OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}


STAGES = ("ingest", "align", "depth", "shard", "verify", "simulate", "import_")


@pytest.fixture(scope="session", autouse=True)
def _worker_processes_start_with_the_stages() -> None:
    """Have the fork server import the stages once, instead of every worker of every run."""
    from ebb.runner import local

    local._PRELOAD = (*local._PRELOAD, *(f"ebb.stages.{stage}" for stage in STAGES))


@pytest.fixture(scope="module")
def one_torch_thread() -> Iterator[None]:
    """Limit PyTorch to one thread, which is faster for small images and networks."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
