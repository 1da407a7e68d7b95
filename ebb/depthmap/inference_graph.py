"""Inference graph of :class:`~ebb.depthmap.megadepth.MegaDepth`: the same function, computed faster.

Optimisations (measured by ``benchmarks/depth.py``):

- Batch normalisation is folded into the previous convolution.
- The four 1 x 1 convolutions of an Inception block have the same input and are merged into one.
- A block works on bands of rows that fit into the cache; branches are written directly into the concatenated
  result, so no array of the photo's size is merely copied.
- 7 x 7 and 11 x 11 convolutions, which are most of the work, take half the products
  (:mod:`ebb.depthmap.winograd`).
- Channels are innermost (``channels_last``), the layout in which convolutions are fastest.
- Upsampling and sum are one addition in place.
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
"""Size of the reduced channels of a band, such that they fit into the last-level cache."""


WINOGRAD_SIZE = 7
"""Smallest kernel that is convolved by minimal filtering, which is not precise enough for bfloat16."""


def build_inference_graph(model: MegaDepth, dtype: torch.dtype = torch.float32) -> nn.Module:
    """Build a network that computes the same log depth in less time and memory; ``model`` is not changed.

    Args:
        model: A network in evaluation mode.
        dtype: ``torch.float32``, or ``torch.bfloat16`` for another 1.7 times the speed on processors that
            support it, with an error of some grey levels (``benchmarks/results/depth.json``).

    Returns:
        A module that maps (N, 3, H, W) in [0, 1], float32, to log depth (N, 1, H, W), float32, inside
        ``torch.inference_mode``.
    """
    with torch.no_grad():
        network = MegaDepthGraph(model, winograd=dtype == torch.float32)
    network.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(requires_grad=False)


class MegaDepthGraph(nn.Module):
    """Stem, hourglass and head, with folded normalisation."""

    def __init__(self, model: MegaDepth, *, winograd: bool) -> None:
        super().__init__()
        stem, norm, _, hourglass, head = model
        self.stem = fuse_conv_bn_eval(cast("nn.Conv2d", stem), cast("nn.BatchNorm2d", norm))
        self.hourglass = InferenceHourglass(cast("Hourglass", hourglass), winograd=winograd)
        self.head = ScatterHead(cast("nn.Conv2d", head))

    def forward(self, rgb: Tensor) -> Tensor:
        """Map sRGB (N, 3, H, W) in [0, 1] to log depth (N, 1, H, W), float32."""
        x = rgb.to(self.stem.weight.dtype).contiguous(memory_format=torch.channels_last)
        log_depth: Tensor = self.head(self.hourglass(self.stem(x).relu_()))
        return log_depth.float()


class InferenceHourglass(nn.Module):
    """Sum of the path through half size and the skip path, in place."""

    def __init__(self, hourglass: Hourglass, *, winograd: bool) -> None:
        super().__init__()
        first, second = cast("nn.ModuleList", hourglass[0])
        pooled = isinstance(cast("nn.Sequential", first)[0], (nn.MaxPool2d, nn.AvgPool2d))
        half, skip = (first, second) if pooled else (second, first)
        pool, *inner, _ = cast("nn.Sequential", half)
        build = partial(_build_part, winograd=winograd)
        self.skip = nn.Sequential(*map(build, cast("nn.Sequential", skip)))
        self.down = nn.Sequential(_build_pool(pool), *map(build, inner))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H, W)."""
        return _add_upsampled(self.skip(x), self.down(x))


class MaxPool(nn.Module):
    """2 x 2 maximum. That of PyTorch also stores the positions of the maxima, which take twice as much."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, 2h, 2w) to (N, C, h, w)."""
        top, bottom = x[:, :, ::2], x[:, :, 1::2]
        largest = torch.maximum(top[..., ::2], top[..., 1::2])
        torch.maximum(largest, bottom[..., ::2], out=largest)
        return torch.maximum(largest, bottom[..., 1::2], out=largest)


class InferenceInception(nn.Module):
    """An Inception block as one 1 x 1 convolution for all branches, and one convolution per kernel."""

    def __init__(self, block: Inception, *, winograd: bool) -> None:
        super().__init__()
        folded = [_fold(cast("nn.Sequential", branch)) for branch in block]
        self.reduce = _side_by_side([convs[0] for convs in folded])
        self.kernels = nn.ModuleList([_convolution(convs[1], winograd=winograd) for convs in folded[1:]])
        self.mid = folded[1][0].out_channels
        self.out = folded[0][0].out_channels
        self.halo = max(convs[1].kernel_size[0] for convs in folded[1:]) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, branches · out, H, W)."""
        num, _, height, width = x.shape
        channels = self.out * (1 + len(self.kernels))
        joined = x.new_empty((num, height, width, channels))
        for image, result in zip(torch.split(x, 1), joined, strict=True):
            self._run_bands(image, result)
        return joined.permute(0, 3, 1, 2)

    def _run_bands(self, image: Tensor, result: Tensor) -> None:
        """Fill ``result`` (H, W, C') from ``image`` (1, C, H, W), a band of rows at a time.

        The buffers with the reduced channels of each branch move down the image: they contain the rows of the
        band and ``halo`` rows above and below it, which are zero outside the image, like the padding of a
        convolution.
        """
        height = len(result)
        halo, rows = self.halo, self._rows_per_band(image)
        reduced = [self._buffer(conv, image, rows + 2 * halo) for conv in self._kernels()]
        self._reduce(image, result, reduced, 0, halo)
        for top in range(0, height, rows):
            if top:
                for buffer in reduced:
                    buffer[: 2 * halo] = buffer[rows:].clone()
                self._reduce(image, result, reduced, top + halo, 2 * halo)
            self._convolve(reduced, result[top : top + rows])

    def _kernels(self) -> list[DirectConv | WinogradConv]:
        return cast("list[DirectConv | WinogradConv]", list(self.kernels))

    def _rows_per_band(self, image: Tensor) -> int:
        height, width = image.shape[2:]
        if image.device.type != "cpu":
            return height
        row_bytes = width * self.reduce.out_channels * image.element_size()
        return min(height, max(2 * self.halo, BAND_BYTES // row_bytes))

    def _buffer(self, conv: DirectConv | WinogradConv, image: Tensor, rows: int) -> Tensor:
        left, right = conv.margins(image.shape[3])
        return image.new_zeros((rows, left + image.shape[3] + right, self.mid))

    def _reduce(self, image: Tensor, result: Tensor, reduced: list[Tensor], start: int, at: int) -> None:
        """1 x 1 convolutions and ReLU of the image from row ``start`` on, into the buffers from ``at`` on.

        Rows of the buffers below the image become 0. This completes the first branch.
        """
        stop = min(start + len(reduced[0]) - at, len(result))
        width = result.shape[1]
        for buffer in reduced:
            buffer[at + max(stop - start, 0) :] = 0
        if stop <= start:
            return
        channels = pointwise(image[:, :, start:stop], self.reduce)[0].permute(1, 2, 0)
        first, *others = torch.split(channels, [self.out] + [self.mid] * len(reduced), dim=2)
        torch.clamp_min(first, 0, out=result[start:stop, :, : self.out])
        for conv, other, buffer in zip(self._kernels(), others, reduced, strict=True):
            left, _ = conv.margins(width)
            torch.clamp_min(other, 0, out=buffer[at : at + stop - start, left : left + width])

    def _convolve(self, reduced: list[Tensor], result: Tensor) -> None:
        """The k x k branches of one band: (rows + 2 · halo, …, mid channels) to (rows, W, C')."""
        num_rows, halo = result.shape[0], self.halo
        outputs = torch.split(result[..., self.out :], self.out, dim=2)
        for conv, buffer, target in zip(self._kernels(), reduced, outputs, strict=True):
            reach = conv.size // 2
            window = buffer[halo - reach : halo + num_rows + reach]
            torch.clamp_min(conv(window, result.shape[1]), 0, out=target)


def pointwise(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """A 1 x 1 convolution by oneDNN; PyTorch itself uses MKL for a single thread."""
    bias = cast("Tensor", conv.bias)
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if x.device.type != "cpu" or x.dtype != torch.float32 or not has_onednn:
        return functional.conv2d(x, conv.weight, bias)
    result: Tensor = torch.mkldnn_convolution(x, conv.weight, bias, [0, 0], [1, 1], [1, 1], 1)
    return result


class DirectConv(nn.Module):
    """``conv`` (k x k) on one photo, channels innermost."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.size = conv.kernel_size[1]
        self.conv = nn.Conv2d(conv.in_channels, conv.out_channels, self.size)
        self.conv.load_state_dict(conv.state_dict())

    def margins(self, width: int) -> tuple[int, int]:  # noqa: ARG002 (that of the other kind needs it)
        """Columns of zeros to the left and right of the input."""
        return self.size // 2, self.size // 2

    def forward(self, x: Tensor, width: int) -> Tensor:  # noqa: ARG002
        """Map (H, W + margins, C) to (H − k + 1, W, C')."""
        result: Tensor = self.conv(x.permute(2, 0, 1)[None])
        return result[0].permute(1, 2, 0)


class ScatterHead(nn.Module):
    """A k x k convolution to one channel, as k² products per pixel that are shifted and summed.

    Convolution kernels compute 16 output channels at a time, of which 15 would be unused.
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
    """Convolutions of a branch (convolution, normalisation, ReLU, …), each with folded normalisation."""
    modules = list(branch)
    return [
        fuse_conv_bn_eval(cast("nn.Conv2d", modules[i]), cast("nn.BatchNorm2d", modules[i + 1]))
        for i in range(0, len(modules), 3)
    ]


def _side_by_side(convs: list[nn.Conv2d]) -> nn.Conv2d:
    """Merge 1 x 1 convolutions of one input into one, with concatenated outputs."""
    joined = nn.Conv2d(convs[0].in_channels, sum(conv.out_channels for conv in convs), 1)
    joined.weight.copy_(torch.cat([conv.weight for conv in convs]))
    cast("Tensor", joined.bias).copy_(torch.cat([cast("Tensor", conv.bias) for conv in convs]))
    return joined


def _convolution(conv: nn.Conv2d, *, winograd: bool) -> DirectConv | WinogradConv:
    wide = conv.kernel_size[1] >= WINOGRAD_SIZE
    return WinogradConv(conv) if winograd and wide else DirectConv(conv)


def _build_pool(pool: nn.Module) -> nn.Module:
    return MaxPool() if isinstance(pool, nn.MaxPool2d) else pool


def _build_part(part: nn.Module, *, winograd: bool) -> nn.Module:
    if isinstance(part, Hourglass):
        return InferenceHourglass(part, winograd=winograd)
    return InferenceInception(cast("Inception", part), winograd=winograd)
