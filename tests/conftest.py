"""No test depends on the caller's shell, on chance or on how fast the machine is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.helpers.environment import TERMINAL_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

# Equal examples in every run, as a run that fails by chance says nothing of the change that it tests.
# HYPOTHESIS_PROFILE=default looks for new ones.
settings.register_profile("ebb", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ebb"))


def pytest_configure() -> None:
    """Forget settings, colours and the terminal before anything is started that might look at them."""
    for name in [*TERMINAL_VARIABLES, *(name for name in os.environ if name.startswith("EBB_"))]:
        os.environ.pop(name, None)
    os.environ["COLUMNS"] = "80"  # where help and errors break lines, whatever the terminal's width


@pytest.fixture(scope="module")
def one_torch_thread() -> Iterator[None]:
    """For small images and networks: threads of PyTorch would only wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
