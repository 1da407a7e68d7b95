"""Channel attention: Hu et al., "Squeeze-and-Excitation Networks" (CVPR 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn  # noqa: TID253 - a network definition; only imported when a network is wanted

from ebb_train.networks.layers import conv1

if TYPE_CHECKING:
    from torch import Tensor


class ChannelAttention(nn.Module):
    """Scales channels by a sigmoid of two layers of their means over the photo.

    Args:
        channels: Of the maps.
        reduction: Channels over those between the two layers.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        narrow = max(1, channels // reduction)
        self.gate = nn.Sequential(conv1(channels, narrow), nn.ReLU(), conv1(narrow, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → the same shape."""
        scaled: Tensor = x * self.gate(x.mean(dim=(2, 3), keepdim=True))
        return scaled
