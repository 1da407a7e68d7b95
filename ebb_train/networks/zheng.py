"""Zheng style: predictive filters at three scales, with gates between and within them.

After Zheng et al. in Ignatov et al., "AIM 2019 Challenge on Bokeh Effect Synthesis" (ICCV Workshops 2019),
which Ignatov et al., "Rendering Natural Camera Bokeh Effect with Deep Learning" (CVPR Workshops 2020) compare
with.

Certain: multiple scales, constrained predictive filters, gate fusion; nothing else is public. The habits of
the same authors' MBCNN (Zheng et al., "Image Demoireing with Learnable Bandpass Filters", CVPR 2020) guide
the rest: space to depth, dilated dense blocks, supervision at each scale.

Ours: every layer. 2 008 892 parameters with depth, 2 006 588 without. A filter is constrained in that it is
non-negative with the sum 1: it invents no colours. Each scale is trained by its own picture
(:meth:`Zheng.pictures`).

Float32 memory for a photo of 1024 × 1536 without gradients: the filters take 157 MB at full size and 127 MB
at half of it, and as much again for the softmax; the dense blocks hold 224 maps at half size, 352 MB. The
process grows by 1.1 GB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253

from ebb_train.networks.layers import ShuffleUp, conv1, conv3, photo_and_depth
from ebb_train.networks.predictive import apply_filters
from ebb_train.networks.spec import NetworkSpec, scaled
from ebb_train.settings import LossWeights
from ebb_train.stages import StagePlan, StageSchedule

if TYPE_CHECKING:
    from ebb_train.networks.planes import NetworkInputs

SIZE_MULTIPLE = 8
"""Height and width of the input are multiples of this."""
SMALLEST_SIDE = 24
"""A quarter of the input must be larger than half the coarsest filter, whose border mirrors it."""
FILTERS = (11, 9, 5)
"""Sides of the filters that act on a quarter of the size, on half of it and on all of it."""
DILATIONS = (1, 2, 3, 2, 1)
"""Of the layers of a dense block."""
RESIDUAL = 0.1
"""Scale of a dense block's change, and largest value that a scale adds to its filtered picture."""


class DilatedDense(nn.Module):
    """Dilated 3 × 3 layers on a growing concatenation, back by 1 × 1, scaled and added to the input."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(channels + i * growth, growth, 3, padding=dilation, dilation=dilation)
            for i, dilation in enumerate(DILATIONS)
        )
        self.out = conv1(channels + len(DILATIONS) * growth, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → the same shape."""
        grown = x
        for layer in self.layers:
            grown = torch.cat([grown, F.relu(layer(grown))], dim=1)
        result: Tensor = x + RESIDUAL * self.out(grown)
        return result


class GateFusion(nn.Module):
    """Coarser maps, enlarged, and maps of this scale, mixed by a gate for each value."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.up = ShuffleUp(channels, channels)
        self.gate = conv3(2 * channels, channels)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """(N, C, H / 2, W / 2) and (N, C, H, W) → (N, C, H, W)."""
        up = self.up(coarse)
        gate = self.gate(torch.cat([up, skip], dim=1)).sigmoid()
        mixed: Tensor = gate * up + (1 - gate) * skip
        return mixed


class FilterHead(nn.Module):
    """The picture of a scale: the photo filtered, gated against the coarser picture, and a small residual.

    Args:
        channels: Of the maps.
        size: Side of the filters.
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.out = nn.Sequential(conv3(channels, 4 * (size**2 + 4)), nn.PixelShuffle(2))

    def forward(self, x: Tensor, photo: Tensor, coarser: Tensor) -> Tensor:
        """(N, C, H / 2, W / 2), and photo and coarser picture (N, 3, H, W) → (N, 3, H, W)."""
        found, taps = self.out(x), self.size**2
        logits, gate, residual = found[:, :taps], found[:, taps : taps + 1].sigmoid(), found[:, taps + 1 :]
        filtered = apply_filters(photo, logits, self.size, "reflect")
        picture: Tensor = gate * filtered + (1 - gate) * coarser + RESIDUAL * residual.tanh()
        return picture


class Zheng(nn.Module):
    """The whole network: photo and depth to a picture.

    Args:
        width: Maps of every scale.
        growth: Maps that a layer of a dense block adds.
        filters: Sides of the filters of every scale, coarsest first, odd.
        depth: Whether it takes depth.
    """

    def __init__(
        self,
        width: int = 64,
        growth: int = 32,
        filters: tuple[int, int, int] = FILTERS,
        *,
        depth: bool = True,
    ) -> None:
        super().__init__()
        self.depth = depth
        self.stem = conv3(4 * (3 + depth), width)
        self.downs = nn.ModuleList(conv3(width, width, stride=2) for _ in filters[1:])
        self.bodies = nn.ModuleList(
            nn.Sequential(DilatedDense(width, growth), DilatedDense(width, growth)) for _ in filters
        )
        self.fusions = nn.ModuleList(GateFusion(width) for _ in filters[1:])
        self.heads = nn.ModuleList(FilterHead(width, size) for size in filters)

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """(N, 3, H, W), about [0, 1]: the finest picture.

        Raises:
            InvalidInput: the network takes depth and there is none.
        """
        return self.pictures(inputs)[-1]

    def pictures(self, inputs: NetworkInputs) -> list[Tensor]:
        """The pictures at a quarter of the size, at half of it, and at all of it.

        Raises:
            InvalidInput: the network takes depth and there is none.
        """
        planes = photo_and_depth(inputs, "zheng-style") if self.depth else inputs.photo
        maps = [F.relu(self.stem(F.pixel_unshuffle(planes, 2)))]
        for down in self.downs:
            maps.append(F.relu(down(maps[-1])))
        photos = [F.avg_pool2d(inputs.photo, 4), F.avg_pool2d(inputs.photo, 2), inputs.photo]
        x = self.bodies[0](maps.pop())
        # nothing is coarser than the coarsest: its gate lets the photo through
        found = [self.heads[0](x, photos[0], photos[0])]
        for fusion, body, head, photo in zip(
            self.fusions, self.bodies[1:], self.heads[1:], photos[1:], strict=True
        ):
            x = body(fusion(x, maps.pop()))
            coarser = F.interpolate(found[-1], scale_factor=2, mode="bilinear", align_corners=False)
            found.append(head(x, photo, coarser))
        return found


SPECS = (
    NetworkSpec(
        name="zheng-style",
        build=Zheng,
        arguments=lambda width: {"width": scaled(width, 64), "growth": scaled(width, 32)},
        parameters=2_008_892,
        multiple=SIZE_MULTIPLE,
        smallest_side=SMALLEST_SIDE,
        planes=("depth",),
        schedule=StageSchedule(
            (
                StagePlan(
                    iterations=100_000,
                    batch=4,
                    crop=256,
                    learning_rate=1e-4,
                    loss=LossWeights(gradient=0.25, earlier=1.0),
                ),
            )
        ),
    ),
)
