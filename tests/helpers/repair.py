"""A repair network with known behaviour."""

from __future__ import annotations

import torch

from ebb_train.lens.network import SHARE_GAIN, RepairNet
from ebb_train.models.repair import RepairConfig

COLOUR_PLANE, SHARE_PLANE = 6, 4


def colour_network(gain: float = 40.0, least_mean: float = 0.0) -> RepairNet:
    """A network that follows the share by colour of the large window, and nothing else.

    The planes pass through the first layer, the skip and the last one; values and their negatives take
    different maps, because leaky ReLUs scale negative values.
    """
    config = RepairConfig(fine=16, middle=4, coarse=4, blocks=1, least_mean=least_mean)
    network = RepairNet(config).eval()
    p = dict(network.named_parameters())
    with torch.no_grad():
        for parameter in p.values():
            parameter.zero_()
        for cell in range(4):
            for plane, first in ((COLOUR_PLANE, 0), (SHARE_PLANE, 8)):
                for k, sign in ((0, 1.0), (4, -1.0)):
                    p["fine.weight"][first + k + cell, 8 * cell + plane, 1, 1] = sign
        for k in range(16):
            p["fine_merge.weight"][k, k, 1, 1] = 1
        # x = (f(f(x)) − f(f(−x))) / (1 + a²) for a leaky ReLU f of slope a
        scale = 1 / (1 + 0.2**2)
        for cell in range(4):
            for first, wanted in ((0, gain), (8, -SHARE_GAIN)):
                p["logit.weight"][cell, first + cell, 1, 1] = scale * wanted
                p["logit.weight"][cell, first + 4 + cell, 1, 1] = -scale * wanted
    return network
