"""Small stored sets that several tests read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ebb_train.lens.shards import LensSet, SetPlan, make_set

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def train_set(tmp_path_factory: pytest.TempPathFactory) -> LensSet:
    """Three scenes of 64 pixels, two layered renders with random errors."""
    folder: Path = tmp_path_factory.mktemp("lens") / "train"
    make_set(folder, SetPlan(scenes=3, seed=1, side=96, random_strengths=2))
    return LensSet(folder)


@pytest.fixture(scope="session")
def test_set(tmp_path_factory: pytest.TempPathFactory) -> LensSet:
    """Two scenes of 64 pixels at two strengths."""
    folder: Path = tmp_path_factory.mktemp("lens") / "test"
    make_set(folder, SetPlan(scenes=2, seed=2, side=96, strengths=("none", "hard")))
    return LensSet(folder)
