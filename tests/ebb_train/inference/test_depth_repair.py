from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ebb_train import optional
from ebb_train.inference.depth_repair import NO_REPAIR, REPAIRED, find_repair
from ebb_train.lens import repair
from tests.helpers.repair import colour_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def forget_the_network() -> Iterator[None]:
    repair.packaged_network.cache_clear()
    yield
    repair.packaged_network.cache_clear()


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network that follows colour, in the place of the package's weights."""
    from ebb_train.lens.network import save_repair

    path = tmp_path / "lens.safetensors"
    save_repair(path, colour_network(), source="a test")
    monkeypatch.setattr(repair, "packaged_weights", lambda: path)
    monkeypatch.setattr("ebb_train.inference.depth_repair.packaged_weights", lambda: path)
    return path


def test_the_network_in_the_package(weights: Path) -> None:
    found = find_repair()
    assert found.about == REPAIRED
    assert found.apply is not None
    photo = np.repeat(np.uint8([[[200, 80, 50], [30, 90, 160]]]), 60, axis=1).repeat(80, axis=0)
    wrong = np.zeros((80, 120), np.float32)
    wrong[:, 55:] = 1
    moved = found.apply(photo, wrong)
    assert np.abs(moved[:, :60]).mean() < 0.3 * np.abs(wrong[:, :60]).mean()


def test_no_repair(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_repair(wanted=False) == NO_REPAIR
    monkeypatch.setattr("ebb_train.inference.depth_repair.packaged_weights", lambda: None)
    assert find_repair() == NO_REPAIR


def test_without_pytorch_the_reason_is_told(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise optional.MissingDependency("PyTorch is not installed", hint="install it")

    monkeypatch.setattr(optional, "torch", missing)
    assert find_repair() == (None, "its edges as they are, because PyTorch is not installed")
