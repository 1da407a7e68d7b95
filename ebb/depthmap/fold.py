"""The same function as :class:`~ebb.depthmap.megadepth.MegaDepth`, arranged to run fast.

What is done, and why it pays (figures: ``benchmarks/depth.py``):

- batch normalisation becomes part of the convolution before it;
- the four 1 x 1 convolutions of an Inception block read the same input, so they are one matrix product;
- a block works on bands of rows small enough for the cache; branches are written where the joined result
  needs them, so nothing the size of the photo is made only to be copied;
- 7 x 7 and 11 x 11 convolutions, most of the work, take half the products (:mod:`ebb.depthmap.winograd`);
- channels are innermost (``channels_last``), the layout in which convolutions run fastest;
- upsampling and sum are one addition in place.
"""

from __future__ import annotations

from functools import partial
from typing import cast

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
from torch import Tensor, nn  # noqa: TID253
from torch.nn import functional  # noqa: TID253
from torch.nn.utils.fusion import fuse_conv_bn_eval  # noqa: TID253

from ebb.depthmap.megadepth import Hourglass, Inception, MegaDepth
from ebb.depthmap.winograd import WinogradConv

BAND_BYTES = 16 << 20
"""Size of the reduced channels of one band: small enough for the last cache."""


WINOGRAD_SIZE = 7
"""Kernels from this size on are convolved by minimal filtering; it is not precise enough for bfloat16."""


def fast(model: MegaDepth, dtype: torch.dtype = torch.float32) -> nn.Module:
    """Build the network that gives the same log depth in less time and memory; ``model`` stays as it is.

    Args:
        model: A network in evaluation mode.
        dtype: ``torch.float32``, or ``torch.bfloat16`` for another 1.6 times the speed on processors that
            have it, at the price of some grey levels (``benchmarks/results/depth.json``).

    Returns:
        A module that maps (N, 3, H, W) in [0, 1], float32, to log depth (N, 1, H, W), float32, inside
        ``torch.inference_mode``.
    """
    with torch.no_grad():
        network = FastMegaDepth(model, winograd=dtype == torch.float32)
    network.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(requires_grad=False)


class FastMegaDepth(nn.Module):
    """Stem, hourglass and head with normalisation folded in."""

    def __init__(self, model: MegaDepth, *, winograd: bool) -> None:
        super().__init__()
        stem, norm, _, hourglass, head = model
        self.stem = fuse_conv_bn_eval(cast("nn.Conv2d", stem), cast("nn.BatchNorm2d", norm))
        self.hourglass = FastHourglass(cast("Hourglass", hourglass), winograd=winograd)
        self.head = ScatterHead(cast("nn.Conv2d", head))

    def forward(self, rgb: Tensor) -> Tensor:
        """Map sRGB (N, 3, H, W) in [0, 1] to log depth (N, 1, H, W), float32."""
        x = rgb.to(self.stem.weight.dtype).contiguous(memory_format=torch.channels_last)
        log_depth: Tensor = self.head(self.hourglass(self.stem(x).relu_()))
        return log_depth.float()


class FastHourglass(nn.Module):
    """The path through half size added onto the skip path in place."""

    def __init__(self, hourglass: Hourglass, *, winograd: bool) -> None:
        super().__init__()
        first, second = cast("nn.ModuleList", hourglass[0])
        pooled = isinstance(cast("nn.Sequential", first)[0], (nn.MaxPool2d, nn.AvgPool2d))
        half, skip = (first, second) if pooled else (second, first)
        pool, *inner, _ = cast("nn.Sequential", half)
        build = partial(_fast_part, winograd=winograd)
        self.skip = nn.Sequential(*map(build, cast("nn.Sequential", skip)))
        self.down = nn.Sequential(_fast_pool(pool), *map(build, inner))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H, W)."""
        return _add_upsampled(self.skip(x), self.down(x))


class MaxPool(nn.Module):
    """2 x 2 maximum. PyTorch's also stores where each maximum was, twice the size of the result."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, 2h, 2w) to (N, C, h, w)."""
        top, bottom = x[:, :, ::2], x[:, :, 1::2]
        largest = torch.maximum(top[..., ::2], top[..., 1::2])
        torch.maximum(largest, bottom[..., ::2], out=largest)
        return torch.maximum(largest, bottom[..., 1::2], out=largest)


class FastInception(nn.Module):
    """An Inception block as one matrix product for all 1 x 1 convolutions and one convolution a kernel."""

    weight: Tensor
    bias: Tensor

    def __init__(self, block: Inception, *, winograd: bool) -> None:
        super().__init__()
        folded = [_fold(cast("nn.Sequential", branch)) for branch in block]
        pointwise = torch.cat([convs[0].weight for convs in folded]).flatten(1)
        self.register_buffer("weight", pointwise.t().contiguous())
        self.register_buffer(
            "bias", torch.cat([convs[0].bias for convs in folded if convs[0].bias is not None])
        )
        self.kernels = nn.ModuleList([_convolution(convs[1], winograd=winograd) for convs in folded[1:]])
        self.mid = folded[1][0].out_channels
        self.out = folded[0][0].out_channels
        self.halo = max(convs[1].kernel_size[0] for convs in folded[1:]) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, branches · out, H, W)."""
        num, _, height, width = x.shape
        channels = self.out * (1 + len(self.kernels))
        joined = x.new_empty((num, height, width, channels))
        for image, result in zip(x.permute(0, 2, 3, 1), joined, strict=True):
            self._run_bands(image, result)
        return joined.permute(0, 3, 1, 2)

    def _run_bands(self, image: Tensor, result: Tensor) -> None:
        """Fill ``result`` (H, W, C') from ``image`` (H, W, C), a band of rows at a time.

        ``reduced`` rolls down the image: it holds the band's rows after the 1 x 1 convolutions and ``halo``
        rows above and below it, zero outside the image as the padding of a convolution is.
        """
        height, width, _ = image.shape
        halo, rows = self.halo, self._rows_per_band(image)
        reduced = image.new_zeros((rows + 2 * halo, width, self.bias.numel()))
        self._reduce(image[: rows + halo], reduced[halo:])
        for top in range(0, height, rows):
            if top:
                reduced[: 2 * halo] = reduced[rows:].clone()
                self._reduce(image[top + halo : top + halo + rows], reduced[2 * halo :])
            bottom = min(top + rows, height)
            self._convolve(reduced, result[top:bottom])

    def _rows_per_band(self, image: Tensor) -> int:
        height, width, _ = image.shape
        if image.device.type != "cpu":
            return height
        row_bytes = width * self.bias.numel() * image.element_size()
        return min(height, max(2 * self.halo, BAND_BYTES // row_bytes))

    def _reduce(self, image: Tensor, reduced: Tensor) -> None:
        """1 x 1 convolutions and ReLU of rows (h, W, C) into ``reduced``, 0 in what rows it has left."""
        num_rows = image.shape[0]
        target = reduced[:num_rows].flatten(0, 1)
        torch.addmm(self.bias, image.flatten(0, 1), self.weight, out=target).relu_()
        reduced[num_rows:] = 0

    def _convolve(self, reduced: Tensor, result: Tensor) -> None:
        """Branches of one band: (rows + 2 · halo, W, mid channels) to (rows, W, C')."""
        num_rows, halo = result.shape[0], self.halo
        result[..., : self.out] = reduced[halo : halo + num_rows, :, : self.out]
        inputs = torch.split(reduced[..., self.out :], self.mid, dim=2)
        outputs = torch.split(result[..., self.out :], self.out, dim=2)
        for conv, source, target in zip(self.kernels, inputs, outputs, strict=True):
            reach = cast("DirectConv | WinogradConv", conv).size // 2
            window = source[halo - reach : halo + num_rows + reach]
            torch.clamp_min(conv(window), 0, out=target)


class DirectConv(nn.Module):
    """``conv`` (k x k) on one photo, channels innermost, same padding along x and none along y."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.size = conv.kernel_size[1]
        self.conv = nn.Conv2d(conv.in_channels, conv.out_channels, self.size, padding=(0, self.size // 2))
        self.conv.load_state_dict(conv.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        """Map (H, W, C) to (H − k + 1, W, C')."""
        result: Tensor = self.conv(x.permute(2, 0, 1)[None])
        return result[0].permute(1, 2, 0)


class ScatterHead(nn.Module):
    """A k x k convolution to one channel, as k² products a pixel that are shifted and summed.

    Kernels for convolutions compute 16 output channels at a time; with one channel 15 would be thrown away.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.size = conv.kernel_size[0]
        taps = conv.weight[0].flip(1, 2).flatten(1)
        self.register_buffer("weight", taps.contiguous())
        self.register_buffer("bias", cast("Tensor", conv.bias).clone())

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, 1, H, W)."""
        height, width = x.shape[2:]
        products = (x.permute(0, 2, 3, 1).flatten(1, 2) @ self.weight).transpose(1, 2)
        return functional.fold(products, (height, width), self.size, padding=self.size // 2) + self.bias


def _add_upsampled(total: Tensor, half: Tensor) -> Tensor:
    """``total`` (N, C, 2h, 2w) plus nearest ×2 of ``half`` (N, C, h, w), in place."""
    num, channels, height, width = half.shape
    blocks = total.permute(0, 2, 3, 1).view(num, height, 2, width, 2, channels)
    blocks += half.permute(0, 2, 3, 1)[:, :, None, :, None]
    return total


def _fold(branch: nn.Sequential) -> list[nn.Conv2d]:
    """The convolutions of a branch (convolution, normalisation, ReLU, …), each with its normalisation."""
    modules = list(branch)
    return [
        fuse_conv_bn_eval(cast("nn.Conv2d", modules[i]), cast("nn.BatchNorm2d", modules[i + 1]))
        for i in range(0, len(modules), 3)
    ]


def _convolution(conv: nn.Conv2d, *, winograd: bool) -> DirectConv | WinogradConv:
    wide = conv.kernel_size[1] >= WINOGRAD_SIZE
    return WinogradConv(conv) if winograd and wide else DirectConv(conv)


def _fast_pool(pool: nn.Module) -> nn.Module:
    return MaxPool() if isinstance(pool, nn.MaxPool2d) else pool


def _fast_part(part: nn.Module, *, winograd: bool) -> nn.Module:
    if isinstance(part, Hourglass):
        return FastHourglass(part, winograd=winograd)
    return FastInception(cast("Inception", part), winograd=winograd)
