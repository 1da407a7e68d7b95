"""DDDF: depth-guided dense dynamic filtering.

Purohit et al., "Depth-Guided Dense Dynamic Filtering Network for Bokeh Effect Rendering" (ICCV Workshops
2019).

Certain, as their published code has it: inputs, layers and the 13 839 968 parameters. The encoder is the
first three dense blocks of DenseNet-121 (Huang et al., "Densely Connected Convolutional Networks", CVPR
2017). One decoder predicts intensities, a second one a 9 × 9 filter for each pixel; both are added.

Ours: initial weights are random, not those of ImageNet. The authors normalise by the statistics of the test
batch, which are those of one photo; here the encoder has instance normalisation with the same scale and
shift, in training as well. Photos are in [0, 1] instead of [0, 255]. Depth is not divided by its maximum: a
stored map reaches 1, and of a crop the maximum says nothing. The saliency map is the mask, and zeros without
one. Schedule and batch are those of the other networks.

Float32 memory for a photo of 1024 × 1536 without gradients: the 81 filter maps and their softmax take 510 MB
each, and the 128 maps before them 805 MB. The process grows by 2.8 GB.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253

from ebb_train.networks.layers import InstanceNorm, conv1, conv3, require_plane
from ebb_train.networks.predictive import apply_filters
from ebb_train.networks.spec import NetworkSpec, scaled
from ebb_train.stages import StagePlan, StageSchedule

if TYPE_CHECKING:
    from ebb_train.networks.planes import NetworkInputs

SIZE_MULTIPLE = 32
"""Height and width of the input are multiples of this."""
FILTER = 9
"""Side of the predicted filters."""
POOLS = (16, 8, 4, 2)
"""Sides of the squares over which the intensity head averages."""
SLOPE = 0.2
"""Slope of the leaky ReLU for negative values."""


class DenseLayer(nn.Module):
    """1 × 1 convolution to four times the growth, 3 × 3 to the growth, concatenated with the input."""

    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            InstanceNorm(in_channels, affine=True),
            nn.ReLU(),
            nn.Conv2d(in_channels, 4 * growth, 1, bias=False),
            InstanceNorm(4 * growth, affine=True),
            nn.ReLU(),
            nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C + growth, H, W)."""
        return torch.cat([x, self.body(x)], dim=1)


def dense_block(in_channels: int, layers: int, growth: int, *, pool: bool) -> nn.Sequential:
    """Dense layers, and a transition to half their channels and, if wanted, half the size."""
    modules: list[nn.Module] = [DenseLayer(in_channels + i * growth, growth) for i in range(layers)]
    channels = in_channels + layers * growth
    modules += [
        InstanceNorm(channels, affine=True),
        nn.ReLU(),
        nn.Conv2d(channels, channels // 2, 1, bias=False),
    ]
    return nn.Sequential(*modules, *([nn.AvgPool2d(2)] if pool else []))


class DenseDecoder(nn.Module):
    """Five steps that each add maps to a growing concatenation, then a bottleneck; the input stays beside."""

    STEPS = 5

    def __init__(self, in_channels: int, out_channels: int, growth: int) -> None:
        super().__init__()
        widths = [in_channels + i * growth for i in range(self.STEPS)]
        self.steps = nn.ModuleList(_norm_conv(width, growth, 3) for width in widths)
        self.bottleneck = nn.Sequential(
            _norm_conv(widths[-1] + growth, 4 * out_channels, 1),
            _norm_conv(4 * out_channels, out_channels, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) → (N, in_channels + out_channels, H, W)."""
        grown = x
        for step in self.steps:
            grown = torch.cat([grown, step(grown)], dim=1)
        return torch.cat([x, self.bottleneck(grown)], dim=1)


class Decoder(nn.Module):
    """From a quarter of the size to all of it, with the encoder's maps of both sizes on the way.

    Args:
        widths: Channels at a quarter of the size, at half of it, and of the result.
        skips: Channels of the encoder's maps at a quarter and at half of the size.
        growth: Of the dense blocks.
    """

    def __init__(self, widths: tuple[int, int, int], skips: tuple[int, int], growth: int) -> None:
        super().__init__()
        self.blocks, self.ups = nn.ModuleList(), nn.ModuleList()
        for (width, out), skip in zip(pairwise(widths), skips, strict=True):
            self.blocks.append(DenseDecoder(width + skip, width, growth))
            self.ups.append(norm_up(2 * width + skip, out))

    def forward(self, x: Tensor, skips: tuple[Tensor, Tensor]) -> Tensor:
        """(N, widths[0], H / 4, W / 4) → (N, widths[2], H, W)."""
        for block, up, skip in zip(self.blocks, self.ups, skips, strict=True):
            x = up(block(torch.cat([x, skip], dim=1)))
        return x


def _norm_conv(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    """Instance normalisation, ReLU, and a convolution without bias."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(InstanceNorm(in_channels), nn.ReLU(), conv)


def norm_up(in_channels: int, out_channels: int) -> nn.Sequential:
    """Instance normalisation, ReLU, and a transposed convolution to twice the size."""
    up = nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(InstanceNorm(in_channels), nn.ReLU(), up)


class IntensityHead(nn.Module):
    """A picture from maps and the photo, with averages over squares of four sizes."""

    WIDTH = 20

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.mix = conv3(in_channels, self.WIDTH)
        self.averages = nn.ModuleList(conv1(self.WIDTH, 1) for _ in POOLS)
        self.out = conv3(len(POOLS) + self.WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) → (N, 3, H, W)."""
        mixed = F.leaky_relu(self.mix(x), SLOPE)
        planes = [
            F.interpolate(F.leaky_relu(conv(F.avg_pool2d(mixed, pool)), SLOPE), scale_factor=pool)
            for pool, conv in zip(POOLS, self.averages, strict=True)
        ]
        picture: Tensor = self.out(torch.cat([*planes, mixed], dim=1))
        return picture


class Dddf(nn.Module):
    """The whole network: photo, depth and mask to a picture.

    Args:
        width: Maps after the stem; those of the encoder and the decoders follow from it.
        growth: Maps that a dense layer adds.
        layers: Dense layers of the encoder's three blocks.
    """

    def __init__(self, width: int = 64, growth: int = 32, layers: tuple[int, int, int] = (6, 12, 24)) -> None:
        super().__init__()
        norm = InstanceNorm(width, affine=True)
        self.stem = nn.Sequential(conv3(18, width), norm, nn.ReLU())
        half = (width + layers[0] * growth) // 2
        quarter = (half + layers[1] * growth) // 2
        eighth = (quarter + layers[2] * growth) // 2
        self.encoder_1 = dense_block(width, layers[0], growth, pool=True)
        self.encoder_2 = dense_block(half, layers[1], growth, pool=True)
        self.encoder_3 = dense_block(quarter, layers[2], growth, pool=False)
        self.decoder_4 = DenseDecoder(eighth, 4 * width, growth)
        self.up_4 = norm_up(eighth + 4 * width, 2 * width)
        shape = ((2 * width, width, width), (half, width), growth)
        self.intensity_decoder, self.filter_decoder = Decoder(*shape), Decoder(*shape)
        self.intensity = IntensityHead(width + 3)
        self.filters = nn.Sequential(
            nn.LeakyReLU(SLOPE),
            conv3(width, 2 * width),
            nn.LeakyReLU(SLOPE),
            conv1(2 * width, FILTER**2),
        )

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """(N, 3, H, W), about [0, 1].

        Raises:
            InvalidInput: there is no depth.
        """
        depth = require_plane(inputs, "depth", "dddf")
        mask = torch.zeros_like(depth) if inputs.mask is None else inputs.mask
        mean = inputs.photo.mean(dim=(2, 3), keepdim=True)
        photo = inputs.photo - mean
        planes = F.avg_pool2d(torch.cat([mask.expand_as(photo), depth.expand_as(photo)], dim=1), 2)
        half = self.stem(torch.cat([F.pixel_unshuffle(photo, 2), planes], dim=1))
        quarter = self.encoder_1(half)
        deep = self.encoder_3(self.encoder_2(quarter))
        base = self.up_4(self.decoder_4(deep))
        intensity = self.intensity(torch.cat([self.intensity_decoder(base, (quarter, half)), photo], dim=1))
        logits = self.filters(self.filter_decoder(base, (quarter, half)))
        picture: Tensor = intensity + apply_filters(photo, logits, FILTER, "zero") + mean
        return picture


SPECS = (
    NetworkSpec(
        name="dddf",
        build=Dddf,
        arguments=lambda width: {"width": scaled(width, 64), "growth": scaled(width, 32)},
        parameters=13_839_968,
        multiple=SIZE_MULTIPLE,
        planes=("depth",),
        schedule=StageSchedule((StagePlan(iterations=100_000, batch=4, crop=256, learning_rate=1e-4),)),
    ),
)
