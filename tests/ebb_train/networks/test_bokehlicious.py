"""Bokehlicious: parameters, blocks against formulas written out, strength, stochastic depth."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ebb.errors import InvalidInput
from ebb_train.networks.bokehlicious import AttentionBlock, AttentionGroup, Bokehlicious, ConvBlock
from ebb_train.networks.planes import NetworkInputs
from tests.helpers.photo_networks import check_gradients, check_onnx, parameters, random_inputs, shake

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def thin() -> Bokehlicious:
    return Bokehlicious(width=4, deep=8, groups=1, blocks=2, head=4, drop=0)


def test_parameters() -> None:
    with torch.device("meta"):
        assert parameters(Bokehlicious()) == 1_212_833
        assert parameters(Bokehlicious(width=32, deep=192, groups=6, blocks=6)) == 13_956_489
        assert [parameters(ConvBlock(width)) for width in (16, 32)] == [2_184, 7_952]
        assert parameters(AttentionBlock(96, 32, 0.0)) == 78_240
        assert parameters(AttentionGroup(96, 32, [0.0] * 3)) == 319_488


def test_conv_block() -> None:
    block = ConvBlock(4)
    x, position = torch.rand(2, 4, 6, 5), torch.rand(2, 2, 6, 5)
    assert torch.equal(block(x, position), x), "new blocks change nothing"
    shake(block)
    state = block.state_dict()

    def conv(name: str, y: torch.Tensor, **how: int) -> torch.Tensor:
        return F.conv2d(y, state[f"{name}.weight"], state[f"{name}.bias"], **how)

    def norm(name: str, y: torch.Tensor) -> torch.Tensor:
        centred = (y - y.mean(1, keepdim=True)) / (y.var(1, unbiased=False, keepdim=True) + 1e-6).sqrt()
        return centred * state[f"{name}.weight"][:, None, None] + state[f"{name}.bias"][:, None, None]

    y = conv("body.0", torch.cat([norm("norm.norm", x), position], 1))
    y = F.gelu(conv("body.1", y, padding=1, groups=4))
    gate = conv("body.3.gate.2", F.relu(conv("body.3.gate.0", y.mean((2, 3), keepdim=True)))).sigmoid()
    y = x + state["beta"] * conv("body.4", y * gate)
    z = conv("feed_forward.3", F.gelu(conv("feed_forward.1", norm("feed_forward.0.norm", y))))
    torch.testing.assert_close(block(x, position), y + state["gamma"] * z, atol=1e-5, rtol=1e-4)


def test_training_starts_near_the_photo() -> None:
    """The blocks start at zero, and the mean is not added twice."""
    inputs = random_inputs(16, 16)
    assert (thin()(inputs) - inputs.photo).mean().abs() < 0.3
    assert torch.allclose(thin().out.bias + thin().mean.flatten(), torch.zeros(3))


def test_strength_and_position_change_the_picture() -> None:
    network, inputs = thin(), random_inputs(16, 20, 2)
    shake(network)
    strength = torch.tensor([[1.0], [0.25]])
    both = network(inputs._replace(strength=strength))
    same = network(inputs._replace(strength=strength.flip(0)))
    assert not torch.allclose(both, same)
    first = NetworkInputs(*(None if plane is None else plane[:1] for plane in inputs))
    alone = network(first._replace(strength=strength[:1]))
    torch.testing.assert_close(both[:1], alone)
    assert not torch.allclose(
        alone, network(first._replace(strength=strength[:1], position=first.position * 0))
    )


@pytest.mark.parametrize("name", ["strength", "position"])
def test_missing_planes(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"bokehlicious-small takes {name}"):
        thin()(random_inputs(8, 8)._replace(**{name: None}))


def test_stochastic_depth() -> None:
    """Branches are left out or enlarged so that their mean stays; never without training."""
    block = AttentionBlock(4, 4, 0.5)
    shake(block)
    x, strength = torch.rand(1, 4, 4, 4).expand(64, -1, -1, -1), torch.ones(64, 1)
    branches = torch.cat([block._dropped(torch.ones(64, 1, 1, 1)) for _ in range(8)])
    assert set(branches.flatten().tolist()) == {0.0, 2.0}
    assert 0.8 < branches.mean() < 1.2
    found = block.eval()(x, strength)
    torch.testing.assert_close(found, found[:1].expand_as(found))


def test_drop_grows_with_depth() -> None:
    with torch.device("meta"):
        drops = [module.drop for module in Bokehlicious().modules() if isinstance(module, AttentionBlock)]
    assert drops[0] == 0
    assert drops == sorted(drops)
    assert drops[-1] == pytest.approx(0.1)


def test_gradients() -> None:
    """A key's bias changes all scores of a pixel alike, which softmax does not see."""
    network = thin()
    without = {name for name, _ in network.named_parameters() if name.endswith("attention.key.bias")}
    check_gradients(network, random_inputs(8, 12, 2), without)


def test_onnx() -> None:
    check_onnx(thin(), random_inputs(16, 24), ["photo", "strength", "position"])
