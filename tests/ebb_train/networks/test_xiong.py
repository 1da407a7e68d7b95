"""Xiong style: parameters, its blocks against formulas written out, the mean of the members."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from scipy.special import expit

from ebb.errors import InvalidInput
from ebb_train.networks.planes import NetworkInputs
from ebb_train.networks.xiong import ResidualAttention, SpatialAttention, Xiong, XiongMember
from tests.helpers.photo_networks import check_gradients, check_onnx, parameters, random_inputs, shake

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def test_parameters() -> None:
    with torch.device("meta"):
        member = XiongMember()
        assert parameters(member) == parameters(XiongMember(depth=False)) == 8_233_110
        assert parameters(XiongMember(16)) == 2_061_450
        assert parameters(Xiong(16)) == 10_307_250
    assert [parameters(block) for block in member.encoder] == [18_887, 58_731, 234_099, 935_043, 3_737_763]
    assert [parameters(block) for block in member.decoder] == [1_918_083, 479_859, 120_171, 30_183]


def test_spatial_attention() -> None:
    module = SpatialAttention()
    shake(module)
    x = np.random.default_rng(0).standard_normal((5, 9, 8))
    kernels, bias = module.conv.weight.detach().numpy()[0], module.conv.bias.item()
    planes = zip((x.mean(0), x.max(0)), kernels, strict=True)
    scores = sum(correlate(plane, kernel, mode="constant") for plane, kernel in planes)
    found = module(torch.from_numpy(x).float()[None])[0].detach().numpy()
    np.testing.assert_allclose(found, x * expit(scores + bias), atol=1e-6)


@pytest.mark.parametrize("channels", [8, 16])
def test_residual_attention(channels: int) -> None:
    """Without the body, the shortcut is left: the input itself, or its 1 x 1 convolution."""
    block = ResidualAttention(8, channels)
    shake(block)
    x = torch.rand(1, 8, 6, 6)
    with torch.no_grad():
        block.body[2].weight.zero_()
        block.body[2].bias.zero_()
        expected = (
            x
            if channels == 8
            else torch.einsum("oc,nchw->nohw", block.shortcut.weight[..., 0, 0], x)
            + block.shortcut.bias[:, None, None]
        )
        torch.testing.assert_close(block(x), expected)


def test_the_ensemble_is_the_mean_of_its_members() -> None:
    network, inputs = Xiong(8), random_inputs(16, 32)
    with torch.no_grad():
        pictures = torch.stack([member(inputs) for member in network.members])
        torch.testing.assert_close(network(inputs), pictures.mean(0))
    assert len(pictures) == 5
    assert pictures.std(0).max() > 0.01, "they start from different weights"


def test_the_last_member_sees_no_depth() -> None:
    network, inputs = Xiong(8), random_inputs(16, 16)
    other = inputs._replace(depth=1 - inputs.depth)
    with torch.no_grad():
        same = [torch.equal(member(inputs), member(other)) for member in network.members]
    assert same == [False, False, False, False, True]


def test_missing_depth() -> None:
    with pytest.raises(InvalidInput, match="xiong-style takes depth"):
        Xiong(8)(NetworkInputs(torch.rand(1, 3, 16, 16)))


def test_gradients() -> None:
    check_gradients(Xiong(8), random_inputs(32, 32, 2))


def test_onnx() -> None:
    check_onnx(XiongMember(8), random_inputs(16, 32), ["photo", "depth"])
