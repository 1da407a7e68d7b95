from __future__ import annotations

import numpy as np
import pytest
import torch

from ebb_train.lens.loss import repair_loss
from ebb_train.lens.network import Corrections
from ebb_train.models.repair import OFFSETS, SHARES


def arrays(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    pictures = {name: rng.random((2, 3, 6, 8)) for name in ("photo", "layered", "truth", "residual")}
    maps = {name: rng.uniform(0.05, 0.95, (2, 1, 6, 8)) for name in ("band", "weight")}
    shares = rng.random((2, SHARES, 6, 8))
    return pictures | maps | {"shares": shares / shares.sum(1, keepdims=True)}


def loss_of(a: dict[str, np.ndarray]) -> float:
    t = {name: torch.from_numpy(values) for name, values in a.items()}
    found = Corrections(t["residual"], t["weight"], t["shares"])
    return float(repair_loss(found, t["photo"], t["layered"], t["band"], t["truth"]))


def test_against_the_formula() -> None:
    a = arrays(0)
    framed = np.pad(a["layered"], ((0, 0), (0, 0), (7, 7), (7, 7)), mode="edge")
    change = a["residual"] + a["shares"][:, :1] * a["photo"] - a["layered"]
    for k, (dy, dx) in enumerate(OFFSETS):
        change = change + a["shares"][:, k + 1 : k + 2] * framed[:, :, 7 + dy : 13 + dy, 7 + dx : 15 + dx]
    picture = a["layered"] + a["weight"] * a["band"] * change
    m = np.minimum(10 * np.abs(a["layered"] - a["truth"]).mean(1, keepdims=True), 1)
    entropy = -(m * np.log(a["weight"]) + (1 - m) * np.log(1 - a["weight"]))
    difference = picture - a["truth"]
    expected = (
        ((1 + 4 * m) * np.abs(difference)).mean()
        + 0.2 * (a["band"] * entropy).mean() / a["band"].mean()
        + 0.5 * (a["band"] * np.abs(a["layered"] + change - a["truth"])).mean() / a["band"].mean()
        + 0.1 * (np.abs(np.diff(difference, axis=3)).mean() + np.abs(np.diff(difference, axis=2)).mean())
    )
    assert loss_of(a) == pytest.approx(expected)


def test_a_perfect_repair_has_no_loss() -> None:
    a = arrays(1)
    a["truth"] = a["photo"] = a["layered"] = np.full((2, 3, 6, 8), 0.4)
    a["residual"][:], a["weight"][:] = 0, 0
    assert loss_of(a) == pytest.approx(0, abs=1e-12)


def test_without_a_band_only_the_picture_counts() -> None:
    a = arrays(2)
    a["band"][:] = 0
    other = a | {"weight": 1 - a["weight"], "residual": a["residual"] + 1}
    assert loss_of(a) == loss_of(other) > 0
