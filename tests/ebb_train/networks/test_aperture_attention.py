"""Aperture attention against dense formulas in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from scipy.special import softmax

from ebb_train.networks import aperture_attention
from ebb_train.networks.aperture_attention import ApertureAttention, aperture_decay, attend_rows
from tests.helpers.photo_networks import parameters, shake

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def decay_of(strength: float, head: int, heads: int) -> float:
    return float(np.log(1 - 2.0 ** (-2 - 9 * head / heads * strength**0.25)))


def test_decay() -> None:
    strengths = np.array([0.1, 2 / 8, 2 / 2.8, 1.0, 1.4])
    found = aperture_decay(torch.tensor(strengths)[:, None], 3).numpy()
    expected = [[decay_of(strength, head, 3) for head in range(3)] for strength in strengths]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert (found < 0).all()
    assert np.ptp(found[:, 0]) == 0, "the first head does not depend on the aperture"
    assert (np.diff(found[:, 1:], axis=0) > 0).all(), "wide apertures look farther"


def dense(q: np.ndarray, k: np.ndarray, v: np.ndarray, decay: float) -> np.ndarray:
    """Attention along one line, (length, d), one output after another."""
    result = np.empty_like(v)
    for i in range(len(q)):
        scores = [q[i] @ k[j] / np.sqrt(q.shape[1]) + decay * abs(i - j) for j in range(len(k))]
        result[i] = softmax(scores) @ v
    return result


@pytest.mark.parametrize("rows", [None, 1, 2, 5])
def test_rows(rows: int | None) -> None:
    """In groups of any size, the last one smaller."""
    rng = np.random.default_rng(0)
    q, k, v = rng.standard_normal((3, 2, 5, 3, 7, 4))
    decay = -rng.random((2, 3))
    found = attend_rows(*(torch.from_numpy(part) for part in (q, k, v, decay)), rows).numpy()
    for n, y, head in np.ndindex(2, 5, 3):
        expected = dense(q[n, y, head], k[n, y, head], v[n, y, head], decay[n, head])
        np.testing.assert_allclose(found[n, y, head], expected, atol=1e-12)


def test_parameters() -> None:
    assert parameters(ApertureAttention(96)) == 4 * 9_312 + 2_496


def by_hand(module: ApertureAttention, x: np.ndarray, strength: float) -> np.ndarray:
    """(C, H, W) → (C, H, W): rows, then columns of what the rows gave, values beside it, projection."""
    state = {name: values.double().numpy() for name, values in module.state_dict().items()}

    def linear(name: str, y: np.ndarray) -> np.ndarray:
        product = np.einsum("oc,chw->ohw", state[f"{name}.weight"], y)
        return product + state[f"{name}.bias"][:, None, None]

    q, k, v = (linear(name, x) for name in ("query", "key", "value"))
    mixed, heads = np.empty_like(v), len(x) // module.head
    for head in range(heads):
        part = slice(head * module.head, (head + 1) * module.head)
        decay, rows = decay_of(strength, head, heads), v[part].copy()
        for y in range(x.shape[1]):
            rows[:, y] = dense(q[part, y].T, k[part, y].T, v[part, y].T, decay).T
        for column in range(x.shape[2]):
            lines = (each[:, :, column].T for each in (q[part], k[part], rows))
            mixed[part, :, column] = dense(*lines, decay).T
    local = np.stack(
        [
            correlate(plane, kernel[0], mode="constant")
            for plane, kernel in zip(v, state["local.weight"], strict=True)
        ]
    )
    return linear("out", mixed + local + state["local.bias"][:, None, None])


@pytest.mark.parametrize("scores", [1 << 24, 100], ids=["at once", "in groups"])
def test_whole_module(scores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aperture_attention, "SCORES", scores)
    module = ApertureAttention(8, head=4).double()
    shake(module)
    x, strengths = np.random.default_rng(1).standard_normal((2, 8, 5, 6)), (1.0, 0.25)
    with torch.no_grad():
        found = module(torch.from_numpy(x), torch.tensor(strengths, dtype=torch.double)[:, None]).numpy()
    for one, strength, result in zip(x, strengths, found, strict=True):
        np.testing.assert_allclose(result, by_hand(module, one, strength), atol=1e-10)


def test_memory_bounds_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only without gradients, as a graph for training keeps all scores anyway."""
    seen = []
    original = aperture_attention._attend
    monkeypatch.setattr(
        aperture_attention, "_attend", lambda q, *rest: seen.append(len(q[0])) or original(q, *rest)
    )
    monkeypatch.setattr(aperture_attention, "SCORES", 2 * 6 * 6 * 2)
    module, x, strength = ApertureAttention(8, head=4), torch.rand(1, 8, 5, 6), torch.ones(1, 1)
    module(x, strength)
    assert seen == [5, 6]
    seen.clear()
    with torch.inference_mode():
        module(x, strength)
    assert seen == [2, 2, 1, 2, 2, 2], "rows of 6, then columns of 5"
