from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ebb.errors import InvalidInput
from ebb_train.lens.network import RepairNet, load_repair, save_repair
from ebb_train.models.repair import RepairConfig, repair_layers
from ebb_train.models.weights import About, save_weights

if TYPE_CHECKING:
    from pathlib import Path

TINY = RepairConfig(fine=4, middle=6, coarse=8, blocks=1)


def random_network(config: RepairConfig = TINY) -> RepairNet:
    network = RepairNet(config)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.2, generator=generator)
    return network


def random_planes(height: int = 16, width: int = 24) -> torch.Tensor:
    return torch.rand(2, 8, height, width, generator=torch.Generator().manual_seed(2))


def test_against_plain_pytorch() -> None:
    """The same layers written with PyTorch's functions, its own pixel order sorted by hand."""
    network, planes = random_network(), random_planes()
    p = dict(network.named_parameters())

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        weight = p[f"{name}.weight"]
        return F.conv2d(x, weight, p[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def conv(name: str, x: torch.Tensor) -> torch.Tensor:
        return F.leaky_relu(linear(name, x), 0.2)

    def residual(name: str, x: torch.Tensor) -> torch.Tensor:
        return x + linear(f"{name}.1", conv(f"{name}.0", x))

    def down(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)], 1)

    def spread(x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        y = x.new_empty(n, c // 4, 2 * h, 2 * w)
        for k, (i, j) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
            y[..., i::2, j::2] = x[:, k * c // 4 : (k + 1) * c // 4]
        return y

    def merged(name: str, smaller: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
        up = spread(conv(f"{name}_up", smaller))
        return residual(f"{name}_last", conv(f"{name}_merge", torch.cat([same, up], 1)))

    fine = conv("fine", down(planes))
    middle = residual("middle_block", conv("middle", down(fine)))
    coarse = residual("block_0", conv("coarse", down(middle)))
    change = spread(linear("logit", merged("fine", merged("middle", coarse, middle), fine)))
    torch.testing.assert_close(network(planes), change + 8 * planes[:, 4:5])


def test_a_new_network_keeps_the_shares() -> None:
    network = RepairNet()
    network.reset_parameters(torch.Generator().manual_seed(0))
    planes = random_planes() - 0.5
    torch.testing.assert_close(network(planes), 8 * planes[:, 4:5], atol=0.05, rtol=0)
    again = RepairNet()
    again.reset_parameters(torch.Generator().manual_seed(0))
    for one, other in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_maps_keep_their_variance_at_first() -> None:
    """Neither vanishing nor exploding maps in a new network, from the input to the last layer."""
    network = RepairNet()
    network.reset_parameters(torch.Generator().manual_seed(0))
    seen: list[float] = []
    network.get_submodule("logit").register_forward_pre_hook(
        lambda _, x: seen.append(float(x[0].detach().std()))
    )
    network(torch.randn(1, 8, 32, 32, generator=torch.Generator().manual_seed(3)))
    assert 0.2 < seen[0] < 5


def test_the_file_is_small() -> None:
    values = sum(
        layer.out_channels * (layer.in_channels * layer.kernel**2 + 1)
        for layer in repair_layers(RepairConfig())
    )
    assert values == sum(parameter.numel() for parameter in RepairNet().parameters())
    assert 4 * values < 2e6


@pytest.mark.parametrize("shape", [(8, 8, 8), (1, 9, 8, 8), (1, 8, 12, 8)])
def test_other_inputs_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput, match="an input of shape"):
        random_network()(torch.zeros(shape))


def test_weights_files(tmp_path: Path) -> None:
    network = random_network()
    sha256 = save_repair(tmp_path / "a.safetensors", network, source="a test", licence="none")
    assert sha256 == save_repair(tmp_path / "b.safetensors", network, source="a test", licence="none")
    loaded = load_repair(tmp_path / "a.safetensors")
    assert loaded.config == TINY
    assert not loaded.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])


def test_weights_of_other_networks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_weights(path, {"x": np.zeros(2, np.float32)}, About(network="pynet"))
    with pytest.raises(InvalidInput, match="of the network 'pynet', not of 'depth-repair'"):
        load_repair(path)
    save_weights(path, {"x": np.zeros(2, np.float32)}, About(network="depth-repair", config=TINY.as_dict()))
    with pytest.raises(InvalidInput, match="weights fine.weight: missing in the file"):
        load_repair(path)
