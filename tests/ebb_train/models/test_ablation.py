"""The network with levels left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from ebb.errors import InvalidInput
from ebb_train.models import network as networks
from ebb_train.models.ablation import EncoderMaps, SilencedPyNet
from ebb_train.models.network import Conv, PyNet, Up
from ebb_train.models.pynet import PyNetConfig

if TYPE_CHECKING:
    from torch import Tensor

THIN = PyNetConfig(width=0.05)


@pytest.fixture
def network() -> PyNet:
    """Weights large enough that every level shows in the picture."""
    torch.manual_seed(0)
    whole = PyNet(THIN)
    whole.reset_parameters(torch.Generator().manual_seed(1), "fan_in")
    return whole.eval()


@pytest.fixture
def photo() -> Tensor:
    return torch.rand(1, 4, 64, 96, generator=torch.Generator().manual_seed(2))


def test_without_silenced_levels_it_is_the_network(network: PyNet, photo: Tensor) -> None:
    with torch.inference_mode():
        torch.testing.assert_close(
            SilencedPyNet(network, (), EncoderMaps())(photo), network(photo), rtol=0, atol=0
        )


def zero_ups_of(network: PyNet, level: int) -> None:
    """What silencing means, done to the weights: a level's doublings give zeros."""
    for name, module in network.named_modules():
        if name.startswith(f"level_{level}.up.") and isinstance(module, Up):
            torch.nn.init.zeros_(module.weight)


@pytest.mark.parametrize("cut", [(7,), (7, 6), (7, 6, 5), (7, 6, 5, 4)])
def test_a_silenced_level_returns_zeros(network: PyNet, photo: Tensor, cut: tuple[int, ...]) -> None:
    with torch.inference_mode():
        whole = network(photo)
        found = SilencedPyNet(network, cut, EncoderMaps())(photo)
        zero_ups_of(network, cut[-1])
        torch.testing.assert_close(found, network(photo), rtol=0, atol=0)
    assert not torch.equal(found, whole)


def test_the_encoder_runs_once_per_photo(
    network: PyNet, photo: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    plain = Conv.forward

    def counting(self: Conv, x: Tensor) -> Tensor:
        runs.append(id(self))
        return plain(self, x)

    monkeypatch.setattr(networks.Conv, "forward", counting)
    encoder = {id(module) for name, module in network.named_modules() if name.startswith("encoder.")}
    maps = EncoderMaps()
    variants = [SilencedPyNet(network, cut, maps) for cut in ((), (7,), (7, 6))]
    with torch.inference_mode():
        for variant in variants:
            variant(photo)
        first = sum(run in encoder for run in runs)
        assert first == len(encoder & set(runs)) > 0
        other = variants[1](1 - photo)
        assert sum(run in encoder for run in runs) == 2 * first
        torch.testing.assert_close(
            other, SilencedPyNet(network, (7,), EncoderMaps())(1 - photo), rtol=0, atol=0
        )


def test_silenced_levels_are_not_computed(network: PyNet, photo: Tensor) -> None:
    for name, module in network.named_modules():
        if name.startswith(("level_7.", "level_6.")) and isinstance(module, Conv | Up):
            torch.nn.init.constant_(module.weight, float("nan"))
    with torch.inference_mode():
        assert torch.isfinite(SilencedPyNet(network, (7, 6), EncoderMaps())(photo)).all()


def test_inputs_are_checked(network: PyNet) -> None:
    with pytest.raises(InvalidInput, match="multiples of 32"):
        SilencedPyNet(network, (7,), EncoderMaps())(torch.zeros(1, 4, 33, 64))
