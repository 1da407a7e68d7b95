"""Networks of these tests are small."""

import pytest


@pytest.fixture(autouse=True)
def _one_thread(one_torch_thread: None) -> None:
    """Let PyTorch use one thread everywhere."""
