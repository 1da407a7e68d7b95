"""Number of pairs for each smallest quality, and selection of pairs to show in order of quality."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

NUM_SHOWN = 24
"""Number of pairs shown with photos, evenly spaced in order of quality."""

STEPS = 100
"""Number of steps of the slider from 0 to 1."""


@dataclass(frozen=True)
class QualityCut:
    """The accepted pairs by quality.

    Attributes:
        kept: Number of pairs whose quality is at least 0, 0.01, … 1.
        shown: Indices of the pairs shown with photos, in ascending order of quality.
    """

    kept: tuple[int, ...]
    shown: tuple[int, ...]

    @property
    def as_json(self) -> str:
        """The counts as JSON, for the script of the page."""
        return json.dumps(self.kept)


def quality_cut(qualities: Sequence[float]) -> QualityCut | None:
    """Count pairs by quality and choose those to show; ``None`` for fewer than two pairs.

    Args:
        qualities: Quality of each accepted pair, 0 … 1; pairs without finite quality are ignored.
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
