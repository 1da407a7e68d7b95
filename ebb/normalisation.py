"""Normalisation of the input colours of networks."""

from __future__ import annotations

import math
from typing import NamedTuple

from ebb.errors import UsageError


class Normalisation(NamedTuple):
    """(colour − mean) / std of colours in [0, 1], for red, green and blue."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


NORMALISATIONS = {
    "imagenet": Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "unit": Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
"""Normalisations by name."""


def parse_normalisation(text: str) -> Normalisation:
    """Parse the name of a normalisation, or six numbers: three means and three standard deviations.

    Raises:
        UsageError: the text is neither.
    """
    if text in NORMALISATIONS:
        return NORMALISATIONS[text]
    try:
        numbers = tuple(map(float, text.split(",")))
    except ValueError:
        numbers = ()
    if len(numbers) != 6 or not all(map(math.isfinite, numbers)) or min(numbers[3:]) <= 0:
        hint = f"use auto, {', '.join(NORMALISATIONS)}, or six numbers: three means, three deviations above 0"
        raise UsageError(f"--model-normalisation {text} is not a normalisation", hint=hint)
    return Normalisation(numbers[:3], numbers[3:])
