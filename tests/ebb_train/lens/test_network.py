from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ebb.errors import InvalidInput
from ebb_train.lens.network import Corrections, RepairNet, load_repair, save_repair
from ebb_train.models.network import TorchOperations
from ebb_train.models.repair import OFFSETS, SHARES, RepairConfig, repair_maps
from ebb_train.models.weights import About, save_weights

if TYPE_CHECKING:
    from pathlib import Path

TINY = RepairConfig(fine=4, coarse=8, blocks=1)


def random_network(config: RepairConfig = TINY) -> RepairNet:
    network = RepairNet(config)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.2, generator=generator)
    return network


def random_planes(height: int = 16, width: int = 24) -> torch.Tensor:
    return torch.rand(2, 9, height, width, generator=torch.Generator().manual_seed(2))


def test_against_plain_pytorch() -> None:
    """The same layers written with PyTorch's functions, its own pixel order sorted by hand."""
    network, planes = random_network(), random_planes()
    p = dict(network.named_parameters())

    def conv(name: str, x: torch.Tensor) -> torch.Tensor:
        return F.leaky_relu(F.conv2d(x, p[f"{name}.weight"], p[f"{name}.bias"], padding=1), 0.2)

    def down(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)], 1)

    def spread(x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        y = x.new_empty(n, c // 4, 2 * h, 2 * w)
        for k, (i, j) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
            y[..., i::2, j::2] = x[:, k * c // 4 : (k + 1) * c // 4]
        return y

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return spread(F.conv2d(x, p[f"{name}.weight"], p[f"{name}.bias"], padding=1))

    fine = conv("fine", down(planes))
    x = conv("coarse", down(fine))
    x = x + conv("block_0.1", conv("block_0.0", x))
    up = F.leaky_relu(F.conv_transpose2d(x, p["up.weight"], stride=2)[..., :-1, :-1], 0.2)
    merged = conv("merge", torch.cat([fine, up], 1))
    found = network(planes)
    torch.testing.assert_close(found.residual, linear("residual", merged))
    torch.testing.assert_close(found.weight, linear("weight", merged).sigmoid())
    torch.testing.assert_close(found.shares, linear("shares", merged).softmax(1))


def test_applied_maps_are_those_of_the_exported_graph() -> None:
    network, planes = random_network(), random_planes()
    found = network(planes)
    maps = repair_maps(TorchOperations(network), TINY, planes)
    torch.testing.assert_close(maps, torch.cat(tuple(found), 1))


def test_outside_the_band_the_layered_render_is_kept_bit_for_bit() -> None:
    network, planes = random_network(), random_planes()
    planes[:, 7, :, 12:] = 0
    layered = planes[:, 3:6]
    picture = network(planes).apply(planes[:, :3], layered, planes[:, 7:8])
    assert torch.equal(picture[..., 12:], layered[..., 12:])
    assert not torch.equal(picture[..., :12], layered[..., :12])


def test_shares_choose_the_photo_or_a_displaced_render() -> None:
    photo, layered, one = torch.rand(1, 3, 20, 24), torch.rand(1, 3, 20, 24), torch.ones(1, 1, 20, 24)
    for k in range(SHARES):
        shares = torch.zeros(1, SHARES, 20, 24)
        shares[:, k] = 1
        picture = Corrections(torch.zeros(1, 3, 20, 24), one, shares).apply(photo, layered, one)
        dy, dx = (0, 0) if k == 0 else OFFSETS[k - 1]
        source = (photo if k == 0 else layered)[0].numpy()
        for y, x in ((0, 0), (10, 12), (19, 23), (3, 20)):
            expected = source[:, min(max(y + dy, 0), 19), min(max(x + dx, 0), 23)]
            np.testing.assert_allclose(picture[0, :, y, x].numpy(), expected, atol=1e-6)


def test_small_weights_are_closed_after_training() -> None:
    network, planes = random_network(), random_planes()
    raw = network(planes).weight
    network.config = replace(TINY, threshold=0.25)
    assert torch.equal(network(planes).weight, raw)
    closed = network.eval()(planes).weight
    torch.testing.assert_close(closed, ((raw - 0.25) / 0.75).clamp(0, 1))
    assert (closed == 0).any()
    assert (closed > 0).any()


def test_a_new_network_changes_next_to_nothing() -> None:
    network = RepairNet()
    network.reset_parameters(torch.Generator().manual_seed(0))
    planes = random_planes()
    planes[:, :6] = 0.5
    found = network(planes)
    picture = found.apply(planes[:, :3], planes[:, 3:6], planes[:, 7:8])
    assert (picture - planes[:, 3:6]).abs().max() < 1e-3
    assert found.weight.max() < 0.125
    torch.testing.assert_close(found.shares, torch.full_like(found.shares, 1 / SHARES), atol=1e-3, rtol=0)
    again = RepairNet()
    again.reset_parameters(torch.Generator().manual_seed(0))
    for one, other in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("shape", [(9, 8, 8), (1, 8, 8, 8), (1, 9, 10, 8)])
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
    with pytest.raises(InvalidInput, match="of the network 'pynet', not of 'lens-repair'"):
        load_repair(path)
    save_weights(path, {"x": np.zeros(2, np.float32)}, About(network="lens-repair", config=TINY.as_dict()))
    with pytest.raises(InvalidInput, match="weights fine.weight: missing in the file"):
        load_repair(path)
