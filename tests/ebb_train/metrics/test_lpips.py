"""Where the weights of LPIPS come from, and what happens without them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchmetrics

from ebb.errors import InvalidInput
from ebb.weights import WEIGHTS
from ebb_train.metrics.lpips import Lpips, Missing, find_lpips, load_lpips
from ebb_train.metrics.protocols import find_protocol
from ebb_train.models.perceptual import Net
from tests.helpers.lpips_weights import random_linear, random_trunk
from tests.helpers.metric_pairs import PAIRS


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cache and no environment but the test's own."""
    torch.set_num_threads(1)
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "cache"))
    for entry in WEIGHTS.values():
        monkeypatch.delenv(entry.variable, raising=False)


def save(path: Path, state: object) -> Path:
    torch.save(state, path)
    return path


@pytest.fixture
def trunk(tmp_path: Path) -> Path:
    return save(tmp_path / "trunk.pth", random_trunk("alex") | {"classifier.1.weight": torch.zeros(2, 2)})


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    return save(tmp_path / "linear.pth", random_linear("alex"))


def test_without_weights_the_reason_is_given() -> None:
    lpips = find_lpips()
    assert isinstance(lpips, Missing)
    assert not lpips
    assert str(lpips) == "—"
    assert "the weights of alexnet have not been downloaded (ebb weights download alexnet" in lpips.reason
    protocol = find_protocol("ebb")
    preds, target = PAIRS[0]
    assert "lpips" not in protocol.score(preds, target, lpips=lpips)
    assert protocol.missing(preds.shape, lpips=lpips) == {"lpips": lpips.reason}
    assert "not computed" in protocol.metadata(lpips=lpips)["lpips"]


def test_without_pytorch_the_reason_is_given(
    trunk: Path, linear: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    lpips = find_lpips("alex", trunk, linear)
    assert isinstance(lpips, Missing)
    assert lpips.reason == "PyTorch is not installed (pip install 'ebb-bokeh[train]')"


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_the_published_linear_weights(net: Net, tmp_path: Path) -> None:
    """Under their published hash; torchmetrics holds a copy."""
    own = save(tmp_path / "own.pth", random_trunk(net))
    file = Path(torchmetrics.__file__).parent / f"functional/image/lpips_models/{net}.pth"
    lpips = find_lpips(net, own, file)
    assert isinstance(lpips, Lpips)
    published = torch.load(file, map_location="cpu", weights_only=True)
    for number, weights in enumerate(lpips.network.linear):
        assert torch.equal(weights, published[f"lin{number}.model.1.weight"])
        assert weights.min() >= 0
    assert f"{net}.pth {WEIGHTS[f'lpips-{net}'].sha256:.8}" in str(lpips)


def test_weights_from_the_environment(trunk: Path, linear: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBB_ALEXNET_WEIGHTS", str(trunk))
    monkeypatch.setenv("EBB_LPIPS_ALEX_WEIGHTS", str(linear))
    lpips = find_lpips()
    assert isinstance(lpips, Lpips)
    assert torch.equal(lpips.network.linear[1], random_linear("alex")["lin1.model.1.weight"])


def test_a_score_with_lpips(trunk: Path, linear: Path) -> None:
    lpips = load_lpips("alex", trunk, linear)
    preds, target = PAIRS[8]
    for name in ("ebb", "dmshn2021", "ebokehnet2023", "torchmetrics2025"):
        found = find_protocol(name).score(preds, target, lpips=lpips)
        assert list(found)[-1] == "lpips"
        assert 0 < found["lpips"] < 1
    assert "v0.1, alexnet" in find_protocol("ebb").metadata(lpips=lpips)["lpips"]
    map_ = lpips.spatial(np.float64(preds), np.float64(target))
    assert map_.shape == preds.shape[:2]
    assert map_.mean() == pytest.approx(
        find_protocol("ebb").score(preds, target, lpips=lpips)["lpips"], rel=0.1
    )
    assert lpips.distance(np.float64(target), np.float64(target)) == 0


def test_pictures_too_small_for_the_network(trunk: Path, linear: Path) -> None:
    lpips = load_lpips("alex", trunk, linear)
    small = np.zeros((20, 40, 3), np.uint8)
    protocol = find_protocol("ebb")
    assert "lpips" not in protocol.score(small, small, lpips=lpips)
    assert protocol.missing(small.shape, lpips=lpips)["lpips"] == "requires at least 31 pixels per side"


def test_files_of_something_else(tmp_path: Path, trunk: Path, linear: Path) -> None:
    with pytest.raises(InvalidInput, match=r"weights features\.0\.weight: .* in the file, .* in the network"):
        load_lpips("vgg", trunk, linear)
    with pytest.raises(InvalidInput, match=r"linear\.pth: weights lin0\.model\.1\.weight: missing"):
        load_lpips("alex", trunk, save(tmp_path / "linear.pth", random_trunk("alex")))
    swapped = random_linear("alex") | {"lin5.model.1.weight": torch.zeros(1)}
    with pytest.raises(InvalidInput, match=r"lin5\.model\.1\.weight: .* no such tensor in the network"):
        load_lpips("alex", trunk, save(tmp_path / "linear.pth", swapped))
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(InvalidInput, match="not a weights file of PyTorch"):
        find_lpips("alex", tmp_path / "text.pth", linear)


def test_a_file_under_a_published_name_must_be_the_published_one(tmp_path: Path, linear: Path) -> None:
    path = save(tmp_path / "alexnet-owt-7be5be79.pth", random_trunk("alex"))
    with pytest.raises(InvalidInput, match=r"SHA-256 [0-9a-f]{16}… instead of 7be5be79"):
        find_lpips("alex", path, linear)
