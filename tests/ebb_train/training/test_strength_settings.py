"""Defaults of the training of a strength; what is out of range, see the tests of the training."""

from __future__ import annotations

from ebb_train.training.strength_settings import StrengthSettings


def test_defaults() -> None:
    assert StrengthSettings() == StrengthSettings(steps=2000, batch=2, crop=256, film=True, f_number=0.0)
