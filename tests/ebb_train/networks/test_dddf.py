"""DDDF: parameters, and its layers against formulas that are written out from the state dict."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import softmax
from torch import Tensor

from ebb.errors import InvalidInput
from ebb_train.networks import dddf
from ebb_train.networks.dddf import Dddf
from ebb_train.networks.planes import NetworkInputs
from tests.helpers.photo_networks import (
    check_gradients,
    check_onnx,
    filtered,
    parameters,
    random_inputs,
    shake,
)

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def thin() -> Dddf:
    return Dddf(width=8, growth=4, layers=(1, 2, 2))


def test_parameters() -> None:
    with torch.device("meta"):
        network = Dddf()
    assert parameters(network) == 13_839_968
    assert parameters(network.encoder_1[:6]) == 335_040
    assert parameters(network.encoder_3[:24]) == 2_837_760
    assert parameters(network.decoder_4) == 3_876_864
    assert parameters(network.filters) == 73_856 + 10_449


def normalised(x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
    return F.relu(F.instance_norm(x, weight=scale, bias=shift))


def test_dense_block() -> None:
    """Every layer sees the block's input and what all layers before it gave."""
    block = dddf.dense_block(6, 3, 4, pool=True)
    shake(block)
    values = list(block.parameters())
    x = torch.rand(2, 6, 8, 8)
    maps = [x]
    for layer in range(3):
        scale, shift, first, scale_2, shift_2, second = values[6 * layer : 6 * layer + 6]
        narrow = F.conv2d(normalised(torch.cat(maps, 1), scale, shift), first)
        maps.append(F.conv2d(normalised(narrow, scale_2, shift_2), second, padding=1))
    scale, shift, weight = values[18:]
    mixed = F.conv2d(normalised(torch.cat(maps, 1), scale, shift), weight)
    expected = mixed.unflatten(3, (4, 2)).unflatten(2, (4, 2)).mean((3, 5))
    torch.testing.assert_close(block(x), expected, atol=1e-5, rtol=1e-4)
    assert weight.shape == (9, 18, 1, 1)


def test_dense_decoder() -> None:
    block = dddf.DenseDecoder(8, 4, 3)
    shake(block)
    *steps, squeeze, out = block.parameters()
    x = torch.rand(1, 8, 6, 6)
    maps = [x]
    for weight in steps:
        maps.append(F.conv2d(normalised(torch.cat(maps, 1)), weight, padding=1))
    bottleneck = F.conv2d(normalised(torch.cat(maps, 1)), squeeze)
    expected = F.conv2d(normalised(bottleneck), out, padding=1)
    assert len(steps) == 5
    assert squeeze.shape[0] == 16
    found = block(x)
    assert torch.equal(found[:, :8], x)
    torch.testing.assert_close(found[:, 8:], expected, atol=1e-5, rtol=1e-4)


def test_intensity_head() -> None:
    """The averages are those of blocks, each repeated over its block."""
    head = dddf.IntensityHead(5)
    shake(head)
    x = torch.rand(1, 5, 16, 32)
    mixed = F.leaky_relu(F.conv2d(x, head.mix.weight, head.mix.bias, padding=1), 0.2)
    planes = []
    for side, conv in zip((16, 8, 4, 2), head.averages, strict=True):
        blocks = mixed.unflatten(3, (-1, side)).unflatten(2, (-1, side)).mean((3, 5))
        plane = F.leaky_relu(F.conv2d(blocks, conv.weight, conv.bias), 0.2)
        planes.append(torch.kron(plane, torch.ones(1, 1, side, side)))
    expected = F.conv2d(torch.cat([*planes, mixed], 1), head.out.weight, head.out.bias, padding=1)
    torch.testing.assert_close(head(x), expected, atol=1e-5, rtol=1e-4)


def test_the_picture_is_intensity_and_filtered_photo_and_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    network, inputs = thin(), random_inputs(32, 32)
    shake(network)
    kept = {}
    network.intensity.register_forward_hook(lambda _, __, found: kept.update(intensity=found))
    network.filters.register_forward_hook(lambda _, __, found: kept.update(logits=found))
    with torch.no_grad():
        picture = network(inputs)[0].numpy()
    photo = inputs.photo[0].numpy()
    mean = photo.mean((1, 2), keepdims=True)
    weights = softmax(kept["logits"][0].numpy(), axis=0).reshape(9, 9, 32, 32)
    expected = kept["intensity"][0].numpy() + filtered(photo - mean, weights, "constant") + mean
    np.testing.assert_allclose(picture, expected, atol=1e-5)


def test_a_missing_mask_is_zeros_and_missing_depth_an_error() -> None:
    network, inputs = thin(), random_inputs(32, 32)
    zeros = torch.zeros_like(inputs.photo[:, :1])
    without = network(inputs._replace(mask=None))
    assert torch.equal(without, network(inputs._replace(mask=zeros)))
    assert not torch.equal(without, network(inputs))
    with pytest.raises(InvalidInput, match="dddf takes depth beside the photo"):
        network(NetworkInputs(inputs.photo))


def test_gradients() -> None:
    """Biases that a normalisation subtracts again cannot change the picture."""
    cancelled = {
        "stem.0.bias",
        "up_4.2.bias",
        "intensity_decoder.ups.0.2.bias",
        "filter_decoder.ups.0.2.bias",
    }
    check_gradients(thin(), random_inputs(32, 64, 2), cancelled)


def test_onnx() -> None:
    check_onnx(thin(), random_inputs(32, 64), ["photo", "depth", "mask"])
