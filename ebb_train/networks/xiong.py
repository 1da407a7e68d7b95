"""Xiong style: the mean of five U-nets with residual attention.

After Xiong et al. in Ignatov et al., "AIM 2019 Challenge on Bokeh Effect Synthesis" (ICCV Workshops 2019),
which Ignatov et al., "Rendering Natural Camera Bokeh Effect with Deep Learning" (CVPR Workshops 2020) compare
with.

Certain: an ensemble of five U-nets, residual attention; nothing else is public.

Ours: every layer; 8 233 110 parameters a member, 2 061 450 with 16 maps at full size. Channels are scaled as
in Hu et al., "Squeeze-and-Excitation Networks" (CVPR 2018), places as in Woo et al., "CBAM" (ECCV 2018). The
members differ in loss, seed and order of crops, and the last one sees zeros in place of depth.

Float32 memory for a photo of 1024 × 1536 without gradients: 32 maps at full size take 201 MB, 64 of them
402 MB. The process grows by 1.4 GB, whatever the number of members, which run one after another; with 16
maps, by 0.9 GB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253

from ebb_train.networks.channel_attention import ChannelAttention
from ebb_train.networks.layers import ShuffleUp, conv1, conv3, photo_and_depth
from ebb_train.networks.spec import NetworkSpec, scaled
from ebb_train.settings import LossWeights
from ebb_train.stages import StagePlan, StageSchedule

if TYPE_CHECKING:
    from ebb_train.networks.planes import NetworkInputs

SIZE_MULTIPLE = 16
"""Height and width of the input are multiples of this."""
LEVELS = 5
"""Sizes of a member: full size to a sixteenth."""
MEMBERS = 5
"""Members of the ensemble."""
REDUCTION = 8
"""Channels over those between the two layers of the channel attention."""


class SpatialAttention(nn.Module):
    """Scales pixels by a sigmoid of a 7 × 7 convolution of the mean and the maximum over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → the same shape."""
        both = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        scaled: Tensor = x * self.conv(both).sigmoid()
        return scaled


class ResidualAttention(nn.Module):
    """Two convolutions with channel and spatial attention, added to the input."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv3(in_channels, out_channels),
            nn.ReLU(),
            conv3(out_channels, out_channels),
            ChannelAttention(out_channels, REDUCTION),
            SpatialAttention(),
        )
        self.shortcut = nn.Identity() if in_channels == out_channels else conv1(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) → (N, out_channels, H, W)."""
        result: Tensor = self.shortcut(x) + self.body(x)
        return result


class XiongMember(nn.Module):
    """One U-net; its change is added to the photo.

    Args:
        width: Maps at full size, a multiple of :data:`REDUCTION`; each smaller size has twice as many.
        depth: Whether it looks at depth, or at zeros.
    """

    def __init__(self, width: int = 32, *, depth: bool = True) -> None:
        super().__init__()
        self.depth = depth
        widths = [width << level for level in range(LEVELS)]
        self.stem = conv3(4, width)
        self.encoder = nn.ModuleList(
            ResidualAttention(before, after) for before, after in zip([width, *widths], widths, strict=False)
        )
        self.ups = nn.ModuleList(ShuffleUp(2 * after, after) for after in widths[-2::-1])
        self.decoder = nn.ModuleList(ResidualAttention(2 * after, after) for after in widths[-2::-1])
        self.out = conv3(width, 3)

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """(N, 3, H, W), about [0, 1].

        Raises:
            InvalidInput: there is no depth.
        """
        planes = photo_and_depth(inputs, "xiong-style")
        if not self.depth:
            planes = torch.cat([inputs.photo, torch.zeros_like(planes[:, 3:])], dim=1)
        skips: list[Tensor] = []
        x = self.stem(planes)
        for block in self.encoder:
            x = block(F.avg_pool2d(x, 2) if skips else x)
            skips.append(x)
        skips.pop()
        for up, block in zip(self.ups, self.decoder, strict=True):
            x = block(torch.cat([up(x), skips.pop()], dim=1))
        picture: Tensor = inputs.photo + self.out(x)
        return picture


class Xiong(nn.Module):
    """The ensemble: the plain mean of its members' pictures.

    Args:
        width: Maps of a member at full size.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.members = nn.ModuleList(XiongMember(width, depth=i < MEMBERS - 1) for i in range(MEMBERS))

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """(N, 3, H, W), about [0, 1].

        Raises:
            InvalidInput: there is no depth.
        """
        total = self.members[0](inputs)
        for member in self.members[1:]:
            total = total + member(inputs)
        mean: Tensor = total / len(self.members)
        return mean


_LOSSES = (
    LossWeights(),
    LossWeights(l1=0.0, l2=1.0),
    LossWeights(ssim=1.0),
    LossWeights(gradient=0.25),
    LossWeights(),
)
"""Of the members."""

_SCHEDULE = StageSchedule(
    tuple(
        StagePlan(
            name=f"member {member + 1}",
            iterations=50_000,
            batch=4,
            crop=256,
            learning_rate=1e-4,
            loss=loss,
            part=f"members.{member}",
        )
        for member, loss in enumerate(_LOSSES)
    )
)


def _spec(name: str, width: int, parameters: int) -> NetworkSpec:
    return NetworkSpec(
        name=name,
        build=Xiong,
        arguments=lambda factor: {"width": scaled(factor, width, multiple=REDUCTION)},
        parameters=MEMBERS * parameters,
        multiple=SIZE_MULTIPLE,
        planes=("depth",),
        schedule=_SCHEDULE,
    )


SPECS = (_spec("xiong-style", 32, 8_233_110), _spec("xiong-style-thin", 16, 2_061_450))
