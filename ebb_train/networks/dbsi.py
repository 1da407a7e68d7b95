"""DBSI style: a blend of the photo and of three smoother copies, weighted for each pixel.

Dutta et al., "Depth-Aware Blending of Smoothed Images for Bokeh Effect Generation" (JVCIR 2021).

Certain: a depth network, trained on, gives the weights of a blend of the photo and of differently smoothed
copies. Not verified: W₀ I + Σ W_k (G_k ∗ I) with Gaussian kernels of 25, 45 and 75 pixels for photos 1024
pixels high, the weights a softmax.

Ours: the hourglass of :mod:`ebb.depthmap.megadepth` has a last layer of four maps instead of one, which gives
5 358 884 parameters. The σ of a kernel of k pixels is OpenCV's, 0.3 ((k − 1) / 2 − 1) + 0.8. Beyond the edge,
the outermost pixels are repeated. Strength, if there is one, scales σ: 0 gives the photo. :class:`ThinDbsi`
takes depth as an input and has a small U-net at half size in place of the hourglass.

Float32 memory for a photo of 1024 × 1536 without gradients: 128 maps at full size take 805 MB. The process
grows by 2.7 GB, with the U-net by 0.4 GB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253

from ebb.depthmap.megadepth import LEVELS, MegaDepth
from ebb.errors import UsageError
from ebb_train.networks.layers import conv3, photo_and_depth
from ebb_train.networks.spec import NetworkSpec, scaled
from ebb_train.settings import LossWeights
from ebb_train.stages import StagePlan, StageSchedule

if TYPE_CHECKING:
    from ebb_train.networks.planes import NetworkInputs
    from ebb_train.networks.spec import ArgumentValue

SIZE_MULTIPLE = 16
"""Height and width of the input are multiples of this."""
KERNELS = (25, 45, 75)
"""Sides of the Gaussian kernels, in pixels of a photo :data:`HEIGHT` high."""
WIDTHS = (16, 32, 64, 64)
"""Maps of the thin network at half of the size, a quarter, and so on."""
HEIGHT = 1024
"""Photos of another height have kernels that cover the same share of it."""


def kernel_sigma(side: int) -> float:
    """σ of a Gaussian kernel with this many pixels, as OpenCV chooses it."""
    return 0.3 * ((side - 1) / 2 - 1) + 0.8


def gaussian_blur(photo: Tensor, side: int, sigma: Tensor) -> Tensor:
    """Blur each photo of a batch with its own σ; the outermost pixels are repeated.

    Args:
        photo: (N, C, H, W).
        side: Of the kernel, odd: the Gaussian ends there.
        sigma: (N,) or, of all, (1,), in pixels; 0 leaves the photo as it is.

    Returns:
        (N, C, H, W).
    """
    # an integer: ONNX's exporter wants to know the kernel's shape
    channels, radius = int(photo.shape[1]), side // 2
    offsets = torch.arange(-radius, radius + 1, dtype=photo.dtype, device=photo.device)
    # below 0.05 pixels, the neighbours' weights are zero in any floating-point type
    taps = torch.exp(-0.5 * (offsets / sigma.clamp_min(0.05)[:, None]) ** 2)
    taps = taps / taps.sum(dim=1, keepdim=True)
    padded = F.pad(photo, (radius,) * 4, mode="replicate")
    if len(sigma) == 1:
        return _correlate(padded, taps.expand(channels, side), channels)
    kernels = taps.repeat_interleave(channels, dim=0)
    # all planes as channels of one photo, each with its own kernel
    return _correlate(padded.flatten(0, 1)[None], kernels, len(kernels)).reshape(photo.shape)


def _correlate(planes: Tensor, taps: Tensor, groups: int) -> Tensor:
    """Rows, then columns, of each channel with its own taps, (channels, side), without padding."""
    rows = F.conv2d(planes, taps[:, None, None], groups=groups)
    return F.conv2d(rows, taps[:, None, :, None], groups=groups)


class Blend(nn.Module):
    """The photo and its blurred copies, weighted by a softmax.

    Args:
        height: Of the photos, in pixels: a crop has that of the photo it is of.
    """

    def __init__(self, height: int = HEIGHT) -> None:
        super().__init__()
        self.height = height

    def forward(self, photo: Tensor, logits: Tensor, strength: Tensor | None) -> Tensor:
        """(N, 3, H, W), (N, 4, H, W) and (N, 1) → (N, 3, H, W)."""
        scale = photo.new_ones(1) if strength is None else strength[:, 0]
        weights = logits.softmax(dim=1).chunk(1 + len(KERNELS), dim=1)
        total = weights[0] * photo
        for kernel, weight in zip(KERNELS, weights[1:], strict=True):
            side = 2 * max(1, round((kernel - 1) / 2 * self.height / HEIGHT)) + 1
            sigma = kernel_sigma(kernel) * self.height / HEIGHT * scale
            total = total + weight * gaussian_blur(photo, side, sigma)
        return total


class Dbsi(nn.Module):
    """The network with the hourglass: photo to picture.

    Args:
        height: Of the photos, in pixels.
    """

    def __init__(self, height: int = HEIGHT) -> None:
        super().__init__()
        self.weights = MegaDepth()
        self.weights[-1] = conv3(LEVELS[0].skip[-1].channels, 1 + len(KERNELS))
        self.blend = Blend(height)

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """(N, 3, H, W), within the range of the photo."""
        picture: Tensor = self.blend(inputs.photo, self.weights(inputs.photo), inputs.strength)
        return picture


class ThinDbsi(nn.Module):
    """The same blend by a U-net of photo and depth at half size; its logits are enlarged bilinearly.

    Args:
        widths: Maps at half of the size, a quarter, and so on.
        height: Of the photos, in pixels.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS, height: int = HEIGHT) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            _two_convs(before, width) for before, width in zip((4, *widths), widths, strict=False)
        )
        self.decoder = nn.ModuleList(
            _two_convs(deeper + width, width)
            for deeper, width in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.out = conv3(widths[0], 1 + len(KERNELS))
        self.blend = Blend(height)

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """(N, 3, H, W), within the range of the photo.

        Raises:
            InvalidInput: there is no depth.
        """
        x, skips = photo_and_depth(inputs, "dbsi-style (thin)"), []
        for block in self.encoder:
            x = block(F.avg_pool2d(x, 2))
            skips.append(x)
        skips.pop()
        for block in self.decoder:
            x = block(torch.cat([F.interpolate(x, scale_factor=2), skips.pop()], dim=1))
        logits = F.interpolate(self.out(x), scale_factor=2, mode="bilinear", align_corners=False)
        picture: Tensor = self.blend(inputs.photo, logits, inputs.strength)
        return picture


def _two_convs(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        conv3(in_channels, out_channels), nn.ReLU(), conv3(out_channels, out_channels), nn.ReLU()
    )


def _full_width(width: float) -> dict[str, ArgumentValue]:
    """The hourglass has one width."""
    if width != 1:
        raise UsageError(
            f"dbsi-style at a width of {width:g}: its hourglass has one width", hint="dbsi-style-thin"
        )
    return {}


_L1, _SSIM, _MS_SSIM = LossWeights(), LossWeights(ssim=1.0), LossWeights(l1=0.0, ms_ssim=1.0)


def _stage(name: str, scale: int, iterations: int, loss: LossWeights) -> StagePlan:
    return StagePlan(name=name, scale=scale, iterations=iterations, batch=4, learning_rate=1e-4, loss=loss)


_SCHEDULE = StageSchedule(
    (
        _stage("quarter size", 4, 20_000, _L1),
        _stage("half size", 2, 20_000, _SSIM),
        _stage("half size, MS-SSIM", 2, 5_000, _MS_SSIM),
    )
)

SPECS = (
    NetworkSpec(
        name="dbsi-style",
        build=Dbsi,
        arguments=_full_width,
        parameters=5_358_884,
        multiple=SIZE_MULTIPLE,
        strength_is_scale=True,
        photo_height="height",
        schedule=_SCHEDULE,
    ),
    NetworkSpec(
        name="dbsi-style-thin",
        build=ThinDbsi,
        arguments=lambda width: {"widths": tuple(scaled(width, maps) for maps in WIDTHS)},
        parameters=303_556,
        multiple=SIZE_MULTIPLE,
        planes=("depth",),
        strength_is_scale=True,
        photo_height="height",
        schedule=_SCHEDULE,
    ),
)
