"""Yang style: two networks with memory blocks, the second of which refines the picture of the first.

After Yang et al. in Ignatov et al., "AIM 2019 Challenge on Bokeh Effect Synthesis" (ICCV Workshops 2019),
which Ignatov et al., "Rendering Natural Camera Bokeh Effect with Deep Learning" (CVPR Workshops 2020) compare
with.

Certain: two stacked BokehNets with memory blocks; nothing else is public. Memory blocks are those of Tai et
al., "MemNet: A Persistent Memory Network for Image Restoration" (ICCV 2017).

Ours: every layer, without normalisation; 3 615 000 parameters, 914 584 with half the maps. Both pictures are
trained (:meth:`Yang.pictures`).

Float32 memory for a photo of 1024 × 1536 without gradients: 128 maps at a quarter of the size take 50 MB, and
a block joins up to eight such groups, 403 MB; 64 maps at half of the size take 101 MB. The
process grows by 1.5 GB, with half the maps by 0.9 GB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253

from ebb_train.networks.layers import ShuffleUp, conv1, conv3, photo_and_depth
from ebb_train.networks.spec import NetworkSpec, scaled
from ebb_train.settings import LossWeights
from ebb_train.stages import StagePlan, StageSchedule

if TYPE_CHECKING:
    from ebb_train.networks.planes import NetworkInputs

SIZE_MULTIPLE = 4
"""Height and width of the input are multiples of this."""
BLOCKS = 4
"""Memory blocks of a network."""
RECURSIONS = 4
"""Applications of the unit that a memory block shares."""


class MemoryBlock(nn.Module):
    """One residual unit applied again and again; a gate joins all its outputs and all earlier states.

    Args:
        channels: Of the maps.
        states: Earlier states, the block's input included.
    """

    def __init__(self, channels: int, states: int) -> None:
        super().__init__()
        self.unit = nn.Sequential(nn.ReLU(), conv3(channels, channels), nn.ReLU(), conv3(channels, channels))
        self.gate = nn.Sequential(nn.ReLU(), conv1((RECURSIONS + states) * channels, channels))

    def forward(self, states: list[Tensor]) -> Tensor:
        """(N, C, H, W) each, the block's input last → the same shape."""
        x, outputs = states[-1], []
        for _ in range(RECURSIONS):
            x = x + self.unit(x)
            outputs.append(x)
        joined: Tensor = self.gate(torch.cat([*outputs, *states], dim=1))
        return joined


class BokehNet(nn.Module):
    """Planes to a change of the photo.

    Args:
        planes: Channels of the input.
        width: Maps at half of the size; twice as many at a quarter of it.
    """

    def __init__(self, planes: int, width: int) -> None:
        super().__init__()
        self.stem, self.down = conv3(4 * planes, width), conv3(width, 2 * width, stride=2)
        self.blocks = nn.ModuleList(MemoryBlock(2 * width, 1 + i) for i in range(BLOCKS))
        self.up = ShuffleUp(2 * width, width)
        self.merge = conv3(2 * width, width)
        self.out = nn.Sequential(conv3(width, 12), nn.PixelShuffle(2))

    def forward(self, planes: Tensor) -> Tensor:
        """(N, planes, H, W) → (N, 3, H, W)."""
        half = F.relu(self.stem(F.pixel_unshuffle(planes, 2)))
        states = [self.down(half)]
        for block in self.blocks:
            states.append(block(states))
        merged = F.relu(self.merge(torch.cat([self.up(F.relu(states[-1])), half], dim=1)))
        change: Tensor = self.out(merged)
        return change


class Yang(nn.Module):
    """The whole network: photo and depth to a picture.

    Args:
        width: Maps at half of the size.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.first, self.second = BokehNet(4, width), BokehNet(7, width)

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """(N, 3, H, W), about [0, 1]: the second picture.

        Raises:
            InvalidInput: there is no depth.
        """
        return self.pictures(inputs)[-1]

    def pictures(self, inputs: NetworkInputs) -> list[Tensor]:
        """The picture of the first network, and that of both.

        Raises:
            InvalidInput: there is no depth.
        """
        planes = photo_and_depth(inputs, "yang-style")
        first = inputs.photo + self.first(planes)
        second = first + self.second(torch.cat([first, planes], dim=1))
        return [first, second]


_SCHEDULE = StageSchedule(
    (StagePlan(iterations=100_000, batch=4, crop=256, learning_rate=1e-4, loss=LossWeights(earlier=1.0)),)
)


def _spec(name: str, width: int, parameters: int) -> NetworkSpec:
    return NetworkSpec(
        name=name,
        build=Yang,
        arguments=lambda factor: {"width": scaled(factor, width)},
        parameters=parameters,
        multiple=SIZE_MULTIPLE,
        planes=("depth",),
        schedule=_SCHEDULE,
    )


SPECS = (_spec("yang-style", 64, 3_615_000), _spec("yang-style-thin", 32, 914_584))
