"""Bokehlicious, the small network: a picture for any f-number, without depth.

Seizinger et al., "Bokehlicious: Photorealistic Bokeh Rendering with Controllable Apertures" (ICCV 2025).

Certain, as their published code has it: inputs, layers and the 1 212 833 parameters. The f-number N enters as
the plane s = 2 / N and in the attention (:mod:`ebb_train.networks.aperture_attention`). Position planes tell
where in the photo a crop is: x from 0 to 1, y scaled to keep the aspect, 1 at the top.

Ours: coarser position planes are averages of the fine ones. ReLU is between the two convolutions of the
channel attention. The last bias starts at minus the mean that is added to the picture, so that training
starts near the photo. Losses and schedule are not published.

Float32 memory for a photo of 1024 × 1536 without gradients: the scores of the attention would take 453 MB for
the rows and 302 MB for the columns; rows are processed in groups that need 64 MB. The process grows by
0.8 GB, mostly for maps of 32 channels at full size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253

from ebb_train.networks.aperture_attention import HEAD, ApertureAttention
from ebb_train.networks.channel_attention import ChannelAttention
from ebb_train.networks.layers import LayerNormChannels, ShuffleUp, conv1, conv3, require_plane
from ebb_train.networks.spec import NetworkSpec, scaled
from ebb_train.settings import LossWeights
from ebb_train.stages import StagePlan, StageSchedule

if TYPE_CHECKING:
    from ebb_train.networks.planes import NetworkInputs

SIZE_MULTIPLE = 4
"""Height and width of the input are multiples of this."""
MEAN = (0.4488, 0.4371, 0.4040)
"""Subtracted from the photo and added to the picture."""
REFERENCE_F_NUMBER = 2.0
"""Strength is this over the f-number."""
POSITIONS = 2
"""Position planes."""


class ConvBlock(nn.Module):
    """A depthwise convolution with channel attention, then a feed-forward network; both start at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = LayerNormChannels(channels)
        self.body = nn.Sequential(
            conv1(channels + POSITIONS, channels),
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            nn.GELU(),
            ChannelAttention(channels, 2),
            conv1(channels, channels),
        )
        self.feed_forward = nn.Sequential(
            LayerNormChannels(channels),
            conv1(channels, 2 * channels),
            nn.GELU(),
            conv1(2 * channels, channels),
        )
        self.beta, self.gamma = (nn.Parameter(torch.zeros(channels, 1, 1)) for _ in range(2))

    def forward(self, x: Tensor, position: Tensor) -> Tensor:
        """(N, C, H, W) and (N, 2, H, W) → (N, C, H, W)."""
        x = x + self.beta * self.body(torch.cat([self.norm(x), position], dim=1))
        result: Tensor = x + self.gamma * self.feed_forward(x)
        return result


class AttentionBlock(nn.Module):
    """A depthwise convolution, aperture attention and a feed-forward network, each added to its input.

    Args:
        channels: Of the maps.
        head: Channels of an attention head.
        drop: Probability with which the last two are left out of a training step, for each photo of a batch
            (Huang et al., "Deep Networks with Stochastic Depth", ECCV 2016).
    """

    def __init__(self, channels: int, head: int, drop: float) -> None:
        super().__init__()
        self.drop = drop
        self.local = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.norm = LayerNormChannels(channels)
        self.attention = ApertureAttention(channels, head)
        self.feed_forward = nn.Sequential(
            LayerNormChannels(channels),
            conv1(channels, 2 * channels),
            nn.GELU(),
            conv1(2 * channels, channels),
        )

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        """(N, C, H, W) and (N, 1) → (N, C, H, W)."""
        x = x + self.local(x)
        x = x + self._dropped(self.attention(self.norm(x), strength))
        return x + self._dropped(self.feed_forward(x))

    def _dropped(self, branch: Tensor) -> Tensor:
        if not self.training or self.drop == 0:
            return branch
        kept = torch.rand(len(branch), 1, 1, 1, device=branch.device) >= self.drop
        return branch * kept / (1 - self.drop)


class AttentionGroup(nn.Module):
    """Attention blocks and a convolution that sees the position, added to their input."""

    def __init__(self, channels: int, head: int, drops: list[float]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(AttentionBlock(channels, head, drop) for drop in drops)
        self.out = conv3(channels + POSITIONS, channels)

    def forward(self, x: Tensor, position: Tensor, strength: Tensor) -> Tensor:
        """(N, C, H, W), (N, 2, H, W) and (N, 1) → (N, C, H, W)."""
        y = x
        for block in self.blocks:
            y = block(y, strength)
        result: Tensor = x + self.out(torch.cat([y, position], dim=1))
        return result


class Bokehlicious(nn.Module):
    """The whole network: photo, position and strength to a picture.

    Args:
        width: Maps at full size; twice and four times as many at half and a quarter of it.
        deep: Maps of the attention groups, a multiple of the head's.
        groups: Attention groups.
        blocks: Attention blocks of a group.
        head: Channels of an attention head.
        drop: Stochastic depth of the last attention block; of the first it is 0.
    """

    def __init__(
        self,
        width: int = 16,
        deep: int = 96,
        groups: int = 3,
        blocks: int = 3,
        head: int = HEAD,
        drop: float = 0.1,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv3(3 + POSITIONS + 1, width), conv3(width, width))
        self.encoder = nn.ModuleList([ConvBlock(width), ConvBlock(2 * width)])
        self.downs = nn.ModuleList(nn.Conv2d(c, 2 * c, 2, stride=2) for c in (width, 2 * width))
        self.widen, self.widen_norm = conv3(4 * width, deep), LayerNormChannels(deep)
        drops = [drop * i / max(groups * blocks - 1, 1) for i in range(groups * blocks)]
        self.groups = nn.ModuleList(
            AttentionGroup(deep, head, drops[i * blocks : (i + 1) * blocks]) for i in range(groups)
        )
        self.deep_out = nn.Sequential(LayerNormChannels(deep), conv3(deep, deep))
        self.narrow = conv3(deep + POSITIONS, 4 * width)
        self.ups = nn.ModuleList(ShuffleUp(2 * c, c, bias=False) for c in (2 * width, width))
        self.decoder = nn.ModuleList(
            nn.ModuleList(ConvBlock(c) for _ in range(count)) for c, count in ((2 * width, 2), (width, 4))
        )
        self.out = conv3(width + POSITIONS, 3)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.mean: Tensor
        with torch.no_grad():
            self.out.bias.copy_(-torch.tensor(MEAN))  # type: ignore[union-attr]  # it has one

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """(N, 3, H, W), about [0, 1].

        Raises:
            InvalidInput: there are no position planes, or there is no strength.
        """
        photo = inputs.photo
        strength = require_plane(inputs, "strength", "bokehlicious-small")
        full = require_plane(inputs, "position", "bokehlicious-small")
        places = [full, F.avg_pool2d(full, 2), F.avg_pool2d(full, 4)]
        plane = strength[:, :, None, None].expand_as(photo[:, :1])
        x = self.stem(torch.cat([photo - self.mean, full, plane], dim=1))
        skips: list[Tensor] = []
        for block, down, place in zip(self.encoder, self.downs, places, strict=False):
            skips.append(block(x, place))
            x = down(skips[-1])
        x = x + self.narrow(torch.cat([self._deep(x, places[2], strength), places[2]], dim=1))
        for up, blocks in zip(self.ups, self.decoder, strict=True):
            x = up(x) + skips.pop()
            for block in blocks:  # type: ignore[attr-defined]  # a module list
                x = block(x, places[len(skips)])
        picture: Tensor = self.out(torch.cat([x, full], dim=1)) + self.mean + photo
        return picture

    def _deep(self, x: Tensor, position: Tensor, strength: Tensor) -> Tensor:
        """The attention groups, between two convolutions, at a quarter of the size."""
        wide = self.widen(x)
        y = self.widen_norm(wide)
        for group in self.groups:
            y = group(y, position, strength)
        result: Tensor = wide + self.deep_out(y)
        return result


SPECS = (
    NetworkSpec(
        name="bokehlicious-small",
        build=Bokehlicious,
        arguments=lambda width: {
            "width": scaled(width, 16),
            "deep": scaled(width, 96, multiple=3),
            "head": scaled(width, HEAD),
        },
        parameters=1_212_833,
        multiple=SIZE_MULTIPLE,
        planes=("strength", "position"),
        reference_f_number=REFERENCE_F_NUMBER,
        schedule=StageSchedule(
            (
                StagePlan(
                    iterations=100_000,
                    batch=4,
                    crop=256,
                    learning_rate=2e-4,
                    decay="cosine",
                    adam="adamw",
                    loss=LossWeights(fft=0.1),
                ),
            )
        ),
    ),
)
