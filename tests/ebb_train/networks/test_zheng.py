"""Zheng style: parameters, its blocks against formulas written out, its pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import expit, softmax

from ebb.errors import InvalidInput
from ebb_train.networks.planes import NetworkInputs
from ebb_train.networks.zheng import SMALLEST_SIDE, DilatedDense, FilterHead, GateFusion, Zheng
from tests.helpers.photo_networks import (
    check_gradients,
    check_onnx,
    filtered,
    parameters,
    random_inputs,
    shake,
)

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def thin(*, depth: bool = True) -> Zheng:
    return Zheng(width=8, growth=4, filters=(5, 3, 3), depth=depth)


def test_parameters() -> None:
    with torch.device("meta"):
        network = Zheng()
        assert parameters(network) == 2_008_892
        assert parameters(Zheng(depth=False)) == 2_006_588
    assert parameters(DilatedDense(64, 32)) == 198_880
    assert parameters(GateFusion(64)) == 16_640 + 73_792
    assert [parameters(head) for head in network.heads] == [288_500, 196_180, 66_932]


def spread(weight: torch.Tensor, dilation: int) -> torch.Tensor:
    """A dilated kernel as an ordinary one, with zeros between its taps."""
    side = 2 * dilation + 1
    wide = torch.zeros(*weight.shape[:2], side, side)
    wide[..., ::dilation, ::dilation] = weight
    return wide


def test_dense_block() -> None:
    block = DilatedDense(6, 3)
    shake(block)
    *layers, weight, bias = block.parameters()
    x = torch.rand(1, 6, 9, 9)
    maps = [x]
    for i, dilation in enumerate((1, 2, 3, 2, 1)):
        kernel = spread(layers[2 * i], dilation)
        maps.append(F.relu(F.conv2d(torch.cat(maps, 1), kernel, layers[2 * i + 1], padding=dilation)))
    expected = x + 0.1 * F.conv2d(torch.cat(maps, 1), weight, bias)
    torch.testing.assert_close(block(x), expected, atol=1e-6, rtol=1e-5)


def test_gate_fusion() -> None:
    """The gate chooses between both, value by value."""
    fusion = GateFusion(4)
    shake(fusion)
    coarse, skip = torch.rand(1, 4, 3, 5), torch.rand(1, 4, 6, 10)
    mixed = fusion(coarse, skip)
    up = fusion.up(coarse)
    lower, upper = torch.minimum(up, skip), torch.maximum(up, skip)
    assert ((lower - 1e-6 <= mixed) & (mixed <= upper + 1e-6)).all()
    with torch.no_grad():
        for bias, expected in ((60.0, up), (-60.0, skip)):
            fusion.gate.bias.fill_(bias)
            torch.testing.assert_close(fusion(coarse, skip), expected)


def test_filter_head() -> None:
    head = FilterHead(4, 5)
    shake(head)
    x, photo, coarser = torch.rand(1, 4, 4, 6), torch.rand(1, 3, 8, 12), torch.rand(1, 3, 8, 12)
    with torch.no_grad():
        maps = head.out(x)[0].numpy()
        found = head(x, photo, coarser)[0].numpy()
    weights = softmax(maps[:25], axis=0).reshape(5, 5, 8, 12)
    gate = expit(maps[25])
    expected = gate * filtered(photo[0].numpy(), weights, "reflect") + (1 - gate) * coarser[0].numpy()
    np.testing.assert_allclose(found, expected + 0.1 * np.tanh(maps[26:]), atol=1e-6)


def test_pictures_of_three_sizes() -> None:
    inputs = random_inputs(24, 32)
    network = thin()
    found = network.pictures(inputs)
    assert [picture.shape[-2:] for picture in found] == [(6, 8), (12, 16), (24, 32)]
    assert torch.equal(network(inputs), found[-1])


def test_smallest_photo() -> None:
    """Smaller ones cannot be mirrored at the border of the coarsest filter."""
    network = Zheng(4, 4)
    assert network(random_inputs(SMALLEST_SIDE, SMALLEST_SIDE)).shape == (1, 3, SMALLEST_SIDE, SMALLEST_SIDE)
    with pytest.raises(RuntimeError, match="Padding size"):
        network(random_inputs(SMALLEST_SIDE - 8, SMALLEST_SIDE))


def test_a_flat_photo_changes_by_the_residuals_only() -> None:
    """Filters and gates are averages."""
    network, inputs = thin(), random_inputs(24, 24)
    shake(network)
    with torch.no_grad():
        for head in network.heads:
            residual = head.out[0]
            residual.weight[-12:], residual.bias[-12:] = 0, 0
    flat = torch.full_like(inputs.photo, 0.4)
    torch.testing.assert_close(network(inputs._replace(photo=flat)), flat)


def test_depth_is_needed_or_not_looked_at() -> None:
    inputs = random_inputs(24, 24)
    assert thin(depth=False)(NetworkInputs(inputs.photo)).shape == inputs.photo.shape
    with pytest.raises(InvalidInput, match="zheng-style takes depth"):
        thin()(NetworkInputs(inputs.photo))


def test_gradients() -> None:
    check_gradients(thin(), random_inputs(24, 24, 2))


def test_onnx() -> None:
    check_onnx(thin(), random_inputs(24, 32), ["photo", "depth"])
