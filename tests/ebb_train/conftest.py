"""What several tests of training and benchmarks need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ebb_train.evaluation.scores import usable_lpips

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def no_lpips_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a machine where nothing was downloaded."""
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "cache"))
    usable_lpips.cache_clear()
