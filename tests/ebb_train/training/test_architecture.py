"""Seeds of initial weights."""

from __future__ import annotations

from ebb_train.settings import FitSettings
from ebb_train.training.architecture import weights_seed


def test_every_stage_and_every_seed_has_its_own_weights() -> None:
    seeds = {weights_seed(FitSettings(seed=seed), number) for seed in range(5) for number in range(8)}
    assert len(seeds) == 40
    assert weights_seed(FitSettings(seed=3), 7) == weights_seed(FitSettings(seed=3, ema=0.5), 7)
