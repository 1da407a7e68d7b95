"""Settings of ``ebb-train fit-strength``; the docstrings of the fields are the help texts of the options."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ebb.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class StrengthSettings:
    """Settings of the training of an adjustable strength.

    Raises:
        UsageError: a value is out of range.
    """

    steps: int = 2000
    """Number of optimizer steps; a finished run is continued with a larger number."""
    batch: int = 2
    """Samples per step."""
    crop: int = 256
    """Side of the crops in pixels of the stored photos, a multiple of 64."""
    learning_rate: float = 1e-3
    """Of Adam."""
    f_number: float = 0.0
    """F-number whose pictures the network gives; 0: the smallest of the train pairs."""
    film: bool = True
    """Scale and shift the maps of levels 7 to 4 by the strength, besides the input plane."""
    seed: int = 0
    """Seed of the initial weights, the order of the pairs, and the augmentation."""
    save_every: int = 100
    """Steps between saved states."""

    def __post_init__(self) -> None:
        if self.crop < 64 or self.crop % 64:
            raise UsageError(f"a crop of {self.crop} pixels", hint="a multiple of 64")
        if min(self.steps, self.batch, self.save_every) < 1 or self.seed < 0:
            raise UsageError("--steps, --batch and --save-every must be at least 1, --seed at least 0")
        if not 0 < self.learning_rate < math.inf or not 0 <= self.f_number < math.inf:
            raise UsageError("--learning-rate must be positive, --f-number at least 0")
