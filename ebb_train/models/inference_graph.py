"""Inference graph of PyNET: computes the same as :class:`~ebb_train.models.network.PyNet`, faster on a CPU.

Optimisations (measured by ``benchmarks/pynet.py``):

- Convolutions of 5, 7 and 9 columns, which are nearly all of the work, take about half the multiplications by
  minimal filtering along the rows (:mod:`ebb.depthmap.winograd`). Between the two transforms, the products
  are the groups of one ordinary convolution; channels are innermost, so that neither transform moves data.
- The first convolutions of a block have the same input and share its transform.
- The last step of a branch writes into the concatenated result, so concatenation copies no data.
- Normalisation works in this memory layout, whereas that of PyTorch requires channels outermost.

The order of summation differs, so pictures differ by about twice the rounding error of the plain network
(``benchmarks/accuracy.py``, noise of 64 x 96): by 9e-5 with the weights of the reference run (float32 against
float64: 5e-5), by 5e-3 (4e-3) and 0.15 (0.07) with 1.25 and 1.5 times these weights, for which rounding
errors grow from layer to layer. There is no bound for all weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253

from ebb.depthmap.winograd import filtering_matrices
from ebb_train.models.blocks import EPSILON, RGB_GAIN, RGB_OFFSET, SLOPE, Operations
from ebb_train.models.pynet import layers, pynet

if TYPE_CHECKING:
    from ebb_train.models.network import PyNet

POINTS: dict[int, tuple[float, ...]] = {
    4: (0.0, 1.0, -1.0, -2.0, -0.5, 1.5),
    5: (0.0, 1.0, -1.0, 2.0, -2.0, 2 / 3, -2 / 3, 1 / 3),
}
"""Taps of a filter → points at which its polynomials are evaluated, besides infinity: the small numbers with
the smallest rounding errors. All contain 1."""

_SHARED_TAPS = {9: 5, 7: 4, 5: 4}
"""Kernel size → taps of its filters, if larger kernels have the same input."""

_OWN_TAPS = {9: 5, 7: 4, 5: 5}
"""The same, if it has a separate input."""


class InferenceGraph(nn.Module):
    """A PyNET that returns the picture of its last level; it cannot be trained.

    Args:
        network: Network on the CPU, in float32; parameters are shared, and must not change.
        winograd: Compute wide convolutions by minimal filtering.
    """

    def __init__(self, network: PyNet, *, winograd: bool = True) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(requires_grad=False)
        self.config = network.config
        self._operations = InferenceOperations(network, winograd=winograd)

    @torch.inference_mode()
    def forward(self, photo: Tensor) -> Tensor:
        """The picture of ``config.level``; see :meth:`ebb_train.models.network.PyNet.forward`."""
        self.network.check(photo)
        maps = photo.permute(0, 2, 3, 1).contiguous()
        level = self.config.level
        return pynet(self._operations, self.config, maps, (level,))[level].permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Filters:
    """A convolution by minimal filtering: its kernel, split along the row into filters of ``taps`` taps."""

    kernel: Tensor
    """(products · C', C, k, filters), for a convolution with one group per product."""
    bias: Tensor
    """(products · C',). It is added to the product at point 1, which is part of all outputs."""
    to_outputs: Tensor
    """(taps, products)."""
    channels: int
    rows: int
    """Rows of the kernel."""


class InferenceOperations(Operations[Tensor]):
    """Back end with channels innermost: maps are (N, H, W, C), contiguous."""

    def __init__(self, network: nn.Module, *, winograd: bool = True) -> None:
        self._own_taps = _OWN_TAPS if winograd else {}
        self._shared_taps = _SHARED_TAPS if winograd else {}
        names = [layer.name for layer in layers(network.config)]  # type: ignore[arg-type]
        self._layers = {
            name: {part: values.detach() for part, values in network.get_submodule(name).named_parameters()}
            for name in names
        }
        for parts in self._layers.values():
            parts["weight"] = parts["weight"].contiguous(memory_format=torch.channels_last)
        self._from_inputs = {
            taps: torch.from_numpy(filtering_matrices(points)[2]).float() for taps, points in POINTS.items()
        }
        self._filters: dict[tuple[str, int], Filters] = {}
        self._room: dict[str, Tensor] = {}

    def conv(self, name: str, x: Tensor, kernel: int, channels: int, *, norm: bool) -> Tensor:
        """An ordinary convolution."""
        result = x.new_empty((*x.shape[:3], channels))
        self._finish(name, self._direct(name, x, kernel), result, norm=norm)
        return result

    def up(self, name: str, x: Tensor, channels: int) -> Tensor:  # noqa: ARG002 - the layer knows
        """Twice the size."""
        full = F.conv_transpose2d(x.permute(0, 3, 1, 2), self._layers[name]["weight"], stride=2)
        return F.leaky_relu(full[..., :-1, :-1].permute(0, 2, 3, 1), SLOPE).contiguous()

    def linear(self, name: str, x: Tensor, channels: int) -> Tensor:  # noqa: ARG002 - the layer knows
        """Convolution without activation."""
        return self._direct(name, x, 3)

    def output_activation(self, x: Tensor) -> Tensor:
        """tanh(x) · 0.58 + 0.5."""
        return torch.tanh(x) * RGB_GAIN + RGB_OFFSET

    def softmax(self, x: Tensor) -> Tensor:
        """Over the channels."""
        return torch.softmax(x, dim=3)

    def sigmoid(self, x: Tensor) -> Tensor:
        """1 / (1 + exp(−x))."""
        return torch.sigmoid(x)

    def pool(self, x: Tensor) -> Tensor:
        """Maximum over 2 × 2."""
        return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1).contiguous()

    def space_to_depth(self, x: Tensor) -> Tensor:
        """Row offset, column offset, channel."""
        n, height, width, channels = x.shape
        cells = x.reshape(n, height // 2, 2, width // 2, 2, channels).permute(0, 1, 3, 2, 4, 5)
        return cells.reshape(n, height // 2, width // 2, 4 * channels)

    def depth_to_space(self, x: Tensor) -> Tensor:
        """The inverse of :meth:`space_to_depth`."""
        n, height, width, channels = x.shape
        cells = x.reshape(n, height, width, 2, 2, channels // 4).permute(0, 1, 3, 2, 4, 5)
        return cells.reshape(n, 2 * height, 2 * width, channels // 4)

    def concat(self, *parts: Tensor) -> Tensor:
        """Join along the channels."""
        return torch.cat(parts, dim=3)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """Sum in place of ``x``: the output of a block is added to its input."""
        return x.add_(y)

    def block(self, name: str, x: Tensor, kernel: int, channels: int, *, norm: bool) -> Tensor:
        """M(kernel, channels), each branch written into its part of the result."""
        sizes = range(3, kernel + 1, 2)
        firsts = self._firsts(name, x, kernel, channels, norm=norm)
        result = x.new_empty((*x.shape[:3], channels * len(sizes)))
        for size, part in zip(sizes, torch.split(result, channels, dim=3), strict=True):
            layer, first = f"{name}.{size}x{size}.1", firsts[size]
            if taps := self._own_taps.get(size):
                inputs = self._transform(first, taps, size // 2, -(-size // taps))
                self._filter(layer, inputs, taps, size // 2, part, norm=norm)
            else:
                self._finish(layer, self._direct(layer, first, size), part, norm=norm)
        return result

    def _firsts(self, name: str, x: Tensor, kernel: int, channels: int, *, norm: bool) -> dict[int, Tensor]:
        """First convolution of every branch, by kernel size; those with equal taps share a transform."""
        taps_of = self._shared_taps if kernel > 5 else self._own_taps
        made = {
            size: self.conv(f"{name}.{size}x{size}.0", x, size, channels, norm=norm)
            for size in range(3, kernel + 1, 2)
            if size not in taps_of
        }
        for taps in POINTS:
            sizes = [size for size in range(5, kernel + 1, 2) if taps_of.get(size) == taps]
            if not sizes:
                continue
            left = max(sizes) // 2
            inputs = self._transform(x, taps, left, max(_filters_in(size, taps, left) for size in sizes))
            for size in sizes:
                made[size] = x.new_empty((*x.shape[:3], channels))
                self._filter(f"{name}.{size}x{size}.0", inputs, taps, left, made[size], norm=norm)
        return made

    def _direct(self, name: str, x: Tensor, kernel: int) -> Tensor:
        layer = self._layers[name]
        y = F.conv2d(x.permute(0, 3, 1, 2), layer["weight"], layer["bias"], padding=kernel // 2)
        return y.permute(0, 2, 3, 1)

    def _transform(self, x: Tensor, taps: int, left: int, filters: int) -> Tensor:
        """Bᵀ d for every ``taps`` outputs: (N, products · C, H, groups + filters) from (N, H, W, C).

        Rows are concatenated with zeros between them, so that all windows have the same stride. The last
        window exceeds the end and is omitted: only outputs to the right of the map depend on it.
        """
        n, height, width, channels = x.shape
        columns = (-(-width // taps) + filters) * taps
        padded = self._buffer("padded", (n, height, columns, channels))
        padded[:, :, :left] = 0
        padded[:, :, left : left + width] = x
        padded[:, :, left + width :] = 0
        num, products = padded.numel() // (taps * channels), 2 * taps - 1
        windows = padded.as_strided((num - 1, products, channels), (taps * channels, channels, 1))
        inputs = self._buffer("inputs", (num, products, channels))
        torch.bmm(self._from_inputs[taps].expand(num - 1, -1, -1), windows, out=inputs[:-1])
        return inputs.view(n, height, columns // taps, -1).permute(0, 3, 1, 2)

    def _filter(self, name: str, inputs: Tensor, taps: int, left: int, result: Tensor, *, norm: bool) -> None:
        """Products and outputs of a convolution into ``result`` (N, H, W, C'), normalised and activated."""
        filters = self._filters_of(name, taps, left)
        products = F.conv2d(
            inputs, filters.kernel, filters.bias, padding=(filters.rows // 2, 0), groups=2 * taps - 1
        ).permute(0, 2, 3, 1)
        n, height, groups = products.shape[:3]
        products = products.reshape(n * height * groups, -1, filters.channels)
        outputs = self._buffer("outputs", (len(products), taps, filters.channels))
        torch.bmm(filters.to_outputs.expand(len(products), -1, -1), products, out=outputs)
        maps = outputs.view(n, height, groups * taps, -1)[:, :, : result.shape[2]]
        self._finish(name, maps, result, norm=norm)

    def _filters_of(self, name: str, taps: int, left: int) -> Filters:
        """Filters of a layer, made when it is first used."""
        if (name, left) not in self._filters:
            layer = self._layers[name]
            self._filters[name, left] = make_filters(layer["weight"], layer["bias"], taps, left)
        return self._filters[name, left]

    def _finish(self, name: str, maps: Tensor, result: Tensor, *, norm: bool) -> None:
        """Instance normalisation if requested, and leaky ReLU; ``maps`` may be overwritten."""
        if norm:
            layer = self._layers[name]
            maps = maps.sub_(maps.mean((1, 2), keepdim=True))
            gain = layer["scale"] * torch.rsqrt(maps.square().mean((1, 2), keepdim=True) + EPSILON)
            maps = torch.addcmul(layer["shift"], maps, gain)
        torch.ops.aten.leaky_relu.out(maps, SLOPE, out=result)

    def _buffer(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """A reused buffer, since allocating memory takes longer than the operation."""
        size = torch.Size(shape).numel()
        if name not in self._room or self._room[name].numel() < size:
            self._room[name] = torch.empty(size)
        return self._room[name][:size].view(shape)


def make_filters(weight: Tensor, bias: Tensor, taps: int, left: int) -> Filters:
    """Split a convolution (C', C, k, k) into filters; the first begins ``left`` columns before the centre."""
    to_outputs, to_products, _ = map(torch.from_numpy, filtering_matrices(POINTS[taps]))
    channels, _, rows, size = weight.shape
    before, count = left - size // 2, _filters_in(size, taps, left)
    cut = F.pad(weight.double(), (before, count * taps - before - size)).view(channels, -1, rows, count, taps)
    kernel = torch.einsum("pk,ochbk->pochb", to_products, cut).flatten(0, 1).float()
    biases = bias.new_zeros((len(to_products), channels))
    biases[POINTS[taps].index(1.0)] = bias
    return Filters(
        kernel.contiguous(memory_format=torch.channels_last),
        biases.flatten(),
        to_outputs.float().contiguous(),
        channels,
        rows,
    )


def _filters_in(size: int, taps: int, left: int) -> int:
    """Number of filters of a kernel, the first of which begins ``left`` columns before its centre."""
    return -(-(left - size // 2 + size) // taps)
