"""Yang style: parameters, memory blocks against unrolled ones with copies of the weights, both pictures."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ebb.errors import InvalidInput
from ebb_train.networks.planes import NetworkInputs
from ebb_train.networks.yang import RECURSIONS, BokehNet, MemoryBlock, Yang
from tests.helpers.photo_networks import check_gradients, check_onnx, parameters, random_inputs, shake

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def test_parameters() -> None:
    with torch.device("meta"):
        network = Yang()
        assert parameters(network) == 3_615_000
        assert parameters(Yang(32)) == 914_584
    assert [parameters(net) for net in (network.first, network.second)] == [1_804_044, 1_810_956]
    assert [parameters(block) for block in network.first.blocks] == [377_216, 393_600, 409_984, 426_368]


def unrolled(block: MemoryBlock) -> nn.ModuleList:
    """A unit with its own copy of the weights for each step."""
    return nn.ModuleList(copy.deepcopy(block.unit) for _ in range(RECURSIONS))


def unrolled_forward(units: nn.ModuleList, block: MemoryBlock, states: list[torch.Tensor]) -> torch.Tensor:
    """Each step's pre-activations, convolutions and sum, written out; then the gate as a matrix product."""
    outputs = [states[-1]]
    for unit in units:
        first, second = unit[1], unit[3]
        y = F.conv2d(outputs[-1].clamp_min(0), first.weight, first.bias, padding=1)
        y = F.conv2d(y.clamp_min(0), second.weight, second.bias, padding=1)
        outputs.append(outputs[-1] + y)
    joined = torch.cat([*outputs[1:], *states], 1).clamp_min(0)
    gate = block.gate[1]
    return torch.einsum("oc,nchw->nohw", gate.weight[..., 0, 0], joined) + gate.bias[:, None, None]


def test_memory_block() -> None:
    """Pictures agree, and the shared unit's gradient is the sum of those of its copies."""
    block = MemoryBlock(4, 2)
    shake(block)
    units = unrolled(block)
    states = [torch.randn(2, 4, 5, 6) for _ in range(2)]
    expected = unrolled_forward(units, block, states)
    found = block(states)
    torch.testing.assert_close(found, expected)
    goal = torch.randn_like(found)
    (found * goal).sum().backward()
    (expected * goal).sum().backward()
    for shared, *copies in zip(block.unit.parameters(), *(unit.parameters() for unit in units), strict=True):
        torch.testing.assert_close(shared.grad, torch.stack([each.grad for each in copies]).sum(0))
    assert parameters(units) == RECURSIONS * parameters(block.unit)


def test_without_sharing() -> None:
    """The size of the same network if each step had its own weights."""
    network = Yang()
    units = [module.unit for module in network.modules() if isinstance(module, MemoryBlock)]
    assert parameters(network) + (RECURSIONS - 1) * sum(map(parameters, units)) == 10_699_032


def test_blocks_see_all_earlier_states() -> None:
    net = BokehNet(4, 4)
    seen: list[int] = []
    for block in net.blocks:
        block.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    net(torch.rand(1, 4, 8, 8))
    assert seen == [1, 2, 3, 4]


def test_pictures() -> None:
    """Without its last layer, a network adds nothing."""
    network, inputs = Yang(4), random_inputs(8, 12)
    shake(network)
    first, second = network.pictures(inputs)
    assert torch.equal(network(inputs), second)
    assert not torch.allclose(first, second)
    with torch.no_grad():
        for values in network.second.out.parameters():
            values.zero_()
    assert torch.equal(*network.pictures(inputs))
    torch.testing.assert_close(first, inputs.photo + network.first(torch.cat(inputs[:2], 1)))


def test_missing_depth() -> None:
    with pytest.raises(InvalidInput, match="yang-style takes depth"):
        Yang(4)(NetworkInputs(torch.rand(1, 3, 8, 8)))


def test_gradients() -> None:
    check_gradients(Yang(4), random_inputs(16, 16, 2))


def test_onnx() -> None:
    check_onnx(Yang(4), random_inputs(8, 12), ["photo", "depth"])
