"""Work of a network for one photo."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch  # noqa: TID253 - only imported when a network is wanted
from torch.utils.flop_counter import FlopCounterMode  # noqa: TID253

from ebb_train.networks.photo_network import PhotoNetwork

if TYPE_CHECKING:
    from ebb_train.networks.spec import NetworkConfig


@lru_cache(maxsize=32)
def multiply_adds(config: NetworkConfig, height: int, width: int, part: str = "") -> int:
    """Multiply-adds of convolutions, linear layers and attention products for one photo.

    They are counted by running the network without memory for values.

    Args:
        config: Which network.
        height: Of its input, a multiple of the network's.
        width: As well.
        part: Module to run; empty: the whole network.
    """
    with torch.device("meta"):
        network = PhotoNetwork(config).eval()
        network.shown_part = part
        photo = torch.empty(1, network.in_channels, height, width)
        planes = {
            "strength": torch.empty(1, 1),
            "position": torch.empty(1, 2, height, width),
        }
        counter = FlopCounterMode(display=False)
        with counter:
            network(photo, **{name: plane for name, plane in planes.items() if name in network.spec.planes})
    return int(counter.get_total_flops()) // 2
