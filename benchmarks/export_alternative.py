"""Conversion of PyNET to TFLite by litert-torch, for the comparison in ``benchmarks/export.py``.

Run: ``PYTHON benchmarks/export_alternative.py {prepared,naive} WEIGHTS OUT HEIGHT WIDTH`` with a Python in
which litert-torch and this project are installed.

``prepared``: the network with operations that the converter translates well: NHWC input and output, instance
normalisation written out, space-to-depth as convolution with ones, transposed convolution with explicit
padding. ``naive``: the straightforward implementation, with ``F.instance_norm`` and ``F.pixel_unshuffle``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import litert_torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ebb_train.models.blocks import EPSILON, SLOPE
from ebb_train.models.network import PyNet, TorchOperations, load_pynet
from ebb_train.models.pynet import pynet


class Prepared(TorchOperations):
    """Operations that litert-torch converts well."""

    def __init__(self, network: PyNet) -> None:
        super().__init__(network)
        self.network = network
        channels = network.config.in_channels
        self.cells = torch.zeros(4, channels, channels, 2, 2)
        for place in range(4):
            self.cells[place, :, :, place // 2, place % 2] = torch.eye(channels)
        self.cells = self.cells.flatten(0, 1)

    def conv(self, name: str, x: Tensor, kernel: int, channels: int, *, norm: bool) -> Tensor:  # noqa: ARG002
        """Convolution with instance normalisation written out."""
        layer = self.network.get_submodule(name)
        y = F.conv2d(x, layer.weight, layer.bias, padding=kernel // 2)
        return F.leaky_relu(self.normalise(y, layer) if norm else y, SLOPE)

    def normalise(self, y: Tensor, layer: nn.Module) -> Tensor:
        """Instance normalisation written out."""
        mean = y.mean((2, 3), keepdim=True)
        centred = y - mean
        gain = torch.rsqrt((centred * centred).mean((2, 3), keepdim=True) + EPSILON)
        return centred * (gain * layer.scale[:, None, None]) + layer.shift[:, None, None]

    def up(self, name: str, x: Tensor, channels: int) -> Tensor:  # noqa: ARG002
        """Transposed convolution without the last row and column."""
        full = F.conv_transpose2d(x, self.network.get_submodule(name).weight, stride=2)
        return F.leaky_relu(full[..., :-1, :-1], SLOPE)

    def space_to_depth(self, x: Tensor) -> Tensor:
        """Space to depth as a convolution with ones."""
        return F.conv2d(x, self.cells, stride=2)


class Naive(Prepared):
    """Operations in their usual form."""

    def normalise(self, y: Tensor, layer: nn.Module) -> Tensor:
        """Instance normalisation by ``F.instance_norm``."""
        return F.instance_norm(y, weight=layer.scale, bias=layer.shift, eps=EPSILON)

    def space_to_depth(self, x: Tensor) -> Tensor:
        """Space to depth by ``F.pixel_unshuffle``."""
        n, channels, height, width = x.shape
        cells = F.pixel_unshuffle(x, 2).reshape(n, channels, 4, height // 2, width // 2)
        return cells.transpose(1, 2).reshape(n, 4 * channels, height // 2, width // 2)


class Module(nn.Module):
    """Module with NHWC input and output."""

    def __init__(self, network: PyNet, operations: type[Prepared]) -> None:
        super().__init__()
        self.network, self.operations = network, operations(network)

    def forward(self, photo: Tensor) -> Tensor:
        """Run the network."""
        config = self.network.config
        picture = pynet(self.operations, config, photo.permute(0, 3, 1, 2), (config.level,))[config.level]
        return picture.permute(0, 2, 3, 1)


def main(kind: str, weights: str, out: str, height: str, width: str) -> None:
    """Convert."""
    network = load_pynet(Path(weights)).requires_grad_(False)
    module = Module(network, {"prepared": Prepared, "naive": Naive}[kind]).eval()
    photo = torch.rand(1, int(height) // 2, int(width) // 2, network.config.in_channels)
    litert_torch.convert(module, (photo,)).export(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
