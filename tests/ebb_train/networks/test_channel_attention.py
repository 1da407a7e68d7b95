from __future__ import annotations

import numpy as np
import torch
from scipy.special import expit

from ebb_train.networks.channel_attention import ChannelAttention
from tests.helpers.photo_networks import parameters, shake


def test_against_numpy() -> None:
    module = ChannelAttention(16, 8)
    shake(module)
    x = np.random.default_rng(0).random((2, 16, 5, 4))
    first, bias_1, second, bias_2 = (values.detach().numpy().squeeze() for values in module.parameters())
    hidden = np.maximum(x.mean((2, 3)) @ first.T + bias_1, 0)
    expected = x * expit(hidden @ second.T + bias_2)[..., None, None]
    found = module(torch.from_numpy(x).float()).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert parameters(module) == 2 * 2 * 16 + 2 + 16


def test_few_channels_keep_one_between_the_layers() -> None:
    assert parameters(ChannelAttention(4, 8)) == 4 + 1 + 4 + 4
