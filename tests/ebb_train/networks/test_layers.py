from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ebb.errors import InvalidInput
from ebb_train.networks.layers import (
    InstanceNorm,
    LayerNormChannels,
    ShuffleUp,
    conv1,
    conv3,
    photo_and_depth,
    require_plane,
)
from ebb_train.networks.planes import NetworkInputs
from tests.helpers.photo_networks import parameters, random_inputs, shake


def test_sizes_of_convolutions() -> None:
    x = torch.rand(2, 4, 6, 8)
    assert conv3(4, 5)(x).shape == (2, 5, 6, 8)
    assert conv3(4, 5, stride=2)(x).shape == (2, 5, 3, 4)
    assert conv1(4, 5)(x).shape == (2, 5, 6, 8)


@pytest.mark.parametrize("affine", [False, True])
def test_instance_norm_is_that_of_pytorch(affine: bool) -> None:
    ours, theirs = InstanceNorm(3, affine=affine), nn.InstanceNorm2d(3, affine=affine)
    if affine:
        shake(ours)
        theirs.load_state_dict(ours.state_dict())
    x = torch.rand(2, 3, 7, 5) * 9
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-5)
    assert parameters(ours) == (6 if affine else 0)


def test_layer_norm_over_channels() -> None:
    norm = LayerNormChannels(5)
    shake(norm)
    x = np.random.default_rng(0).random((2, 5, 3, 4))
    scale, shift = (values.detach().numpy() for values in norm.parameters())
    centred = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-6)
    expected = centred * scale[:, None, None] + shift[:, None, None]
    found = norm(torch.from_numpy(x).float()).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("bias", [False, True])
def test_pixel_shuffle(bias: bool) -> None:
    """Channel 4 c + 2 i + j of the convolution is the pixel (2 y + i, 2 x + j) of channel c."""
    up = ShuffleUp(3, 2, bias=bias)
    assert parameters(up) == 8 * (3 + bias)
    x = torch.rand(1, 3, 4, 5)
    wide = up[0](x).detach().numpy()[0]
    found = up(x).detach().numpy()[0]
    assert found.shape == (2, 8, 10)
    for c in range(2):
        for i in range(2):
            for j in range(2):
                np.testing.assert_array_equal(found[c, i::2, j::2], wide[4 * c + 2 * i + j])


def test_planes() -> None:
    inputs = random_inputs(4, 6)
    joined = photo_and_depth(inputs, "some network")
    assert torch.equal(joined[:, :3], inputs.photo)
    assert torch.equal(joined[:, 3:], require_plane(inputs, "depth", "some network"))
    with pytest.raises(InvalidInput, match="some network takes depth beside the photo, and there is none"):
        photo_and_depth(NetworkInputs(inputs.photo), "some network")
