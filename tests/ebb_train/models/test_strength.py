"""PyNET with adjustable strength, against the network it was made from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from ebb.errors import InvalidInput, UsageError
from ebb_train.models.network import PyNet, save_pynet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.models.strength import (
    StrengthConfig,
    StrengthNet,
    anchored,
    load_strength,
    save_strength,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_torch_thread")
CONFIG = PyNetConfig(level=5, width=1 / 32)


def base(config: PyNetConfig = CONFIG) -> PyNet:
    network = PyNet(config)
    network.reset_parameters(torch.Generator().manual_seed(0), "fan_in")
    return network.eval()


def trained(config: PyNetConfig = CONFIG, *, film: bool = True) -> StrengthNet:
    """What the network is told is far from its initial values, as after training."""
    network = StrengthNet(base(config), StrengthConfig(film=film)).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for values in network.told().values():
            values.copy_(0.3 * torch.randn(values.shape, generator=generator))
    return network


def photo(channels: int = 4, count: int = 1) -> torch.Tensor:
    return torch.rand(count, channels, 64, 32, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("film", [False, True])
def test_strength_1_is_the_base_network_to_the_bit(channels: int, film: bool) -> None:
    config = replace(CONFIG, in_channels=channels)
    network, x = trained(config, film=film), photo(channels, 2)
    with torch.inference_mode():
        expected = base(config)(x)
        assert torch.equal(network(x, torch.ones(2), torch.zeros(2)), expected)
        mixed = network(x, torch.tensor([1.0, 0.4]), torch.full((2,), 0.5))
    assert torch.equal(mixed[0], expected[0])  # beside a sample of another strength
    assert float((mixed[1] - expected[1]).abs().max()) > 1e-3


def test_only_what_the_base_is_told_is_trained() -> None:
    network = trained()
    network(photo(), torch.tensor([0.5]), torch.tensor([0.5])).mean().backward()
    assert all(values.grad is None for values in network.base.parameters())
    assert all(values.grad is not None for values in network.told().values())
    assert set(StrengthNet(base(), StrengthConfig(film=False)).told()) == {"plane"}


def test_the_plane_is_the_change_of_the_signed_blur_disc() -> None:
    """Where everything is in focus, the plane tells nothing, whatever the strength."""
    network, x = trained(film=False), photo()
    x[:, 3] = 0.25
    with torch.inference_mode():
        in_focus = network(x, torch.tensor([0.3]), torch.tensor([0.25]))
        assert torch.equal(in_focus, base()(x))
        assert not torch.equal(network(x, torch.tensor([0.3]), torch.tensor([0.5])), in_focus)


def test_untrained_it_is_almost_the_base_at_every_strength() -> None:
    network = StrengthNet(base(), StrengthConfig())
    network.reset_parameters(torch.Generator().manual_seed(3))
    with torch.inference_mode():
        change = network(photo(), torch.tensor([0.2]), torch.tensor([0.5])) - base()(photo())
    assert 0 < float(change.abs().max()) < 1e-3


def test_the_anchor() -> None:
    x, y = torch.tensor([0.2]), torch.tensor([0.6])
    assert anchored(x, y, 0.0) is x
    assert anchored(x, y, 0.1) is y
    assert anchored(x, y, 1.0) is y
    assert float(anchored(x, y, 0.025)) == pytest.approx(0.3)


def test_strength_is_inverse_to_the_f_number() -> None:
    config = StrengthConfig(f_number=2.0)
    assert [config.strength_of(number) for number in (2.0, 4.0, 16.0)] == [1.0, 0.5, 0.125]
    with pytest.raises(UsageError, match=r"f/1\.4 is a larger aperture"):
        config.strength_of(1.4)
    with pytest.raises(UsageError, match="f-number of 0"):
        StrengthConfig(f_number=0)


@pytest.mark.parametrize("film", [False, True])
def test_weights_are_read_as_written(tmp_path: Path, film: bool) -> None:
    network, path = trained(film=film), tmp_path / "strength.safetensors"
    save_strength(path, network, source="a test")
    found = load_strength(path)
    assert found.strength_config == network.strength_config
    arguments = photo(), torch.tensor([0.4]), torch.tensor([0.5])
    with torch.inference_mode():
        assert torch.equal(found(*arguments), network(*arguments))


def test_other_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pynet.safetensors"
    save_pynet(path, base(), source="a test")
    with pytest.raises(InvalidInput, match="weights of the network 'pynet'"):
        load_strength(path)
