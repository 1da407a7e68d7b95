"""Small sets and scenes that several tests read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ebb_train.lens.samples import make_held_out_scene
from ebb_train.lens.shards import LensSet, SetPlan, make_set

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.lens.samples import HeldOutScene


@pytest.fixture(scope="session")
def train_set(tmp_path_factory: pytest.TempPathFactory) -> LensSet:
    """Three photos of 96 pixels."""
    folder: Path = tmp_path_factory.mktemp("lens") / "train"
    make_set(folder, SetPlan(scenes=3, seed=1, side=96))
    return LensSet(folder)


@pytest.fixture(scope="session")
def held_out() -> list[HeldOutScene]:
    """Two scenes of 96 pixels at two strengths."""
    return [
        make_held_out_scene(np.random.default_rng([2, number]), 96, ("none", "hard")) for number in range(2)
    ]
