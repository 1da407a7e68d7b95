from __future__ import annotations

import numpy as np
import pytest
import torch

from ebb_train.lens.loss import repair_loss


def arrays(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    maps = {name: rng.random((2, 1, 6, 8)) for name in ("share", "step", "contrast")}
    return maps | {"logit": rng.normal(0, 2, (2, 1, 6, 8))}


def loss_of(a: dict[str, np.ndarray]) -> float:
    return float(repair_loss(**{name: torch.from_numpy(values) for name, values in a.items()}))


def test_against_the_formula() -> None:
    a = arrays(0)
    a["step"][0, 0, :3] = 0.02  # no edge
    found = 1 / (1 + np.exp(-a["logit"]))
    entropy = -(a["share"] * np.log(found) + (1 - a["share"]) * np.log(1 - found))
    weight = np.where(a["step"] > 0.03, a["step"], 0) * (0.1 + a["contrast"])
    expected = ((entropy + 2 * np.abs(found - a["share"])) * weight).sum() / weight.sum()
    assert loss_of(a) == pytest.approx(expected)


def test_certain_and_right_costs_nothing() -> None:
    a = arrays(1)
    a["share"] = np.rint(a["share"])
    a["logit"] = 60 * (a["share"] - 0.5)
    assert loss_of(a) == pytest.approx(0, abs=1e-9)


def test_without_edges_there_is_no_loss() -> None:
    a = arrays(2)
    a["step"][:] = 0.01
    assert loss_of(a) == 0
