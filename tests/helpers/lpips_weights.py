"""Random weights of LPIPS under the names of the public files, and the layers they belong to."""

from __future__ import annotations

from typing import Literal

import torch

from ebb_train.models.perceptual import Net

Layer = tuple[int, int, int, int, int, int] | Literal["tap", "pool"]
"""A convolution with ReLU (number, channels out, in, kernel, stride, padding), or what follows one."""


def _vgg16() -> list[Layer]:
    """Configuration D of Simonyan and Zisserman, with the numbers of torchvision's file."""
    layers: list[Layer] = []
    for block in (
        [(0, 64, 3), (2, 64, 64)],
        [(5, 128, 64), (7, 128, 128)],
        [(10, 256, 128), (12, 256, 256), (14, 256, 256)],
        [(17, 512, 256), (19, 512, 512), (21, 512, 512)],
        [(24, 512, 512), (26, 512, 512), (28, 512, 512)],
    ):
        layers += ["pool"] if layers else []
        layers += [(*convolution, 3, 1, 1) for convolution in block]
        layers.append("tap")
    return layers


LAYERS: dict[Net, list[Layer]] = {
    "alex": [
        (0, 64, 3, 11, 4, 2), "tap", "pool", (3, 192, 64, 5, 1, 2), "tap", "pool",
        (6, 384, 192, 3, 1, 1), "tap", (8, 256, 384, 3, 1, 1), "tap", (10, 256, 256, 3, 1, 1), "tap",
    ],
    "vgg": _vgg16(),
}  # fmt: skip


def random_trunk(net: Net) -> dict[str, torch.Tensor]:
    """He-normal weights, so that features neither die nor explode."""
    generator = torch.Generator().manual_seed(1)
    state = {}
    for layer in LAYERS[net]:
        if isinstance(layer, tuple):
            number, outs, ins, kernel, _, _ = layer
            weight = torch.randn(outs, ins, kernel, kernel, generator=generator)
            state[f"features.{number}.weight"] = weight * (2 / (kernel**2 * ins)) ** 0.5
            state[f"features.{number}.bias"] = torch.randn(outs, generator=generator) / 10
    return state


def random_linear(net: Net) -> dict[str, torch.Tensor]:
    """Weights of one value a channel, not negative, as the authors' are."""
    generator = torch.Generator().manual_seed(2)
    last = [LAYERS[net][n - 1] for n, layer in enumerate(LAYERS[net]) if layer == "tap"]
    shapes = [(1, int(layer[1]), 1, 1) for layer in last]
    return {
        f"lin{k}.model.1.weight": torch.rand(shape, generator=generator) for k, shape in enumerate(shapes)
    }
