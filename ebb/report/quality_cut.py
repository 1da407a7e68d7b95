"""How many pairs a smallest quality keeps, and which pairs to show along the order of quality."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

NUM_SHOWN = 24
"""Pairs with photos, evenly spaced in the order of quality."""

STEPS = 100
"""Of the slider, from 0 to 1."""


@dataclass(frozen=True)
class QualityCut:
    """The accepted pairs by quality.

    Attributes:
        kept: Number of pairs whose quality is at least 0, 0.01, … 1.
        shown: Indices into the pairs as given: those with photos, in ascending order of quality.
    """

    kept: tuple[int, ...]
    shown: tuple[int, ...]

    @property
    def as_json(self) -> str:
        """The counts, for the script of the page."""
        return json.dumps(self.kept)


def quality_cut(qualities: Sequence[float]) -> QualityCut | None:
    """Count pairs by quality and choose those to show; ``None`` with fewer than two.

    Args:
        qualities: 0 … 1 of each accepted pair; pairs whose quality is not finite are left out.
    """
    known = [index for index, quality in enumerate(qualities) if math.isfinite(quality)]
    if len(known) < 2:
        return None
    order = sorted(known, key=lambda index: qualities[index])
    values = np.array([qualities[index] for index in order])
    below = np.searchsorted(values, [step / STEPS for step in range(STEPS + 1)])
    places = np.linspace(0, len(order) - 1, min(NUM_SHOWN, len(order))).round().astype(int)
    return QualityCut(
        tuple(int(count) for count in len(order) - below), tuple(order[place] for place in places)
    )
