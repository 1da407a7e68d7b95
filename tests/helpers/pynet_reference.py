"""The reference run of PyNET: 440 variables filled by the rule in pynet_official.json, and what came out."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

GOLDEN = Path(__file__).parents[1] / "golden"


@cache
def listed_variables() -> list[tuple[str, tuple[int, ...], str]]:
    """Name, shape and kind of every variable of the authors' graph, in the order of their making."""
    listed = json.loads((GOLDEN / "pynet_official.json").read_text())["variables"]
    return [(name, tuple(shape), kind) for name, shape, kind in listed]


@cache
def filled_variables() -> dict[str, NDArray[np.float32]]:
    """The values of the reference run, 190 MB."""
    return {name: _fill(i, shape, kind) for i, (name, shape, kind) in enumerate(listed_variables())}


def _fill(number: int, shape: tuple[int, ...], kind: str) -> NDArray[np.float32]:
    values = np.random.default_rng(2000 + number).standard_normal(shape)
    match kind:
        case "conv":
            values *= np.sqrt(1.7 / np.prod(shape[:3]))
        case "tconv":
            values *= np.sqrt(6.8 / (9 * shape[3]))
        case "scale":
            values = 1 + 0.1 * values
        case _:
            values *= 0.1
    return values.astype(np.float32)


def reference_run() -> dict[str, NDArray[np.float32]]:
    """``input`` and ``level_7`` … ``level_1``, (1, H, W, C)."""
    with np.load(GOLDEN / "pynet_official.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}
