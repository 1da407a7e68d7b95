"""The network of LPIPS: distance of two pictures in the features of an image classifier.

Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric" (CVPR 2018), equation
1, version 0.1. The trunk is torchvision's AlexNet or VGG-16 up to its last convolution; the linear weights
are those of the authors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
import torch.nn.functional as F  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253

from ebb_train.models.vgg import VGG16_BLOCKS, convolutions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Net: TypeAlias = Literal["alex", "vgg"]
"""The trunk: AlexNet or VGG-16."""

TAPS: Mapping[Net, tuple[int, ...]] = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}
"""Indices in ``features`` of the ReLUs whose outputs are compared."""

CHANNELS: Mapping[Net, tuple[int, ...]] = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Mean and standard deviation of ImageNet for channels in [-1, 1], as rounded by the authors."""

TINY = 1e-10
"""Added to the norm by which a feature vector is divided."""


class LpipsNetwork(nn.Module):
    """LPIPS with frozen weights.

    Args:
        net: The trunk.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.features = nn.Sequential(*(_alexnet() if net == "alex" else convolutions(VGG16_BLOCKS)))
        self.linear = nn.ParameterList(torch.empty(1, channels, 1, 1) for channels in CHANNELS[net])
        self.taps = TAPS[net]
        for name, values in (("shift", SHIFT), ("scale", SCALE)):
            self.register_buffer(name, torch.tensor(values).reshape(3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, preds: Tensor, target: Tensor) -> Tensor:
        """Distance of pictures (N, 3, H, W) in [0, 1]: (N,), 0 for equal pictures."""
        return torch.stack([layer.mean((1, 2, 3)) for layer in self._layers(preds, target)]).sum(0)

    def spatial(self, preds: Tensor, target: Tensor) -> Tensor:
        """Distance at every pixel, (N, H, W): the sum of the maps of all layers, enlarged bilinearly."""
        size = preds.shape[-2:]
        maps = [F.interpolate(layer, size, mode="bilinear") for layer in self._layers(preds, target)]
        return torch.cat(maps, dim=1).sum(1)

    def _layers(self, preds: Tensor, target: Tensor) -> Iterator[Tensor]:
        """Weighted squared differences of the normalised features at each tap, (N, 1, h, w)."""
        both = zip(self.linear, self._unit_features(preds), self._unit_features(target), strict=True)
        for weights, first, second in both:
            yield (weights * (first - second) ** 2).sum(1, keepdim=True)

    def _unit_features(self, pictures: Tensor) -> Iterator[Tensor]:
        x = (2 * pictures - 1 - self.shift) / self.scale
        for number, layer in enumerate(self.features):
            # the ReLUs work in place on the output of the previous convolution; taps are only read
            x = layer(x)
            if number in self.taps:
                yield x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + TINY)


def _alexnet() -> list[nn.Module]:
    """Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014)."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(inplace=True)]
    layers += [
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
    ]
    for before, after in ((192, 384), (384, 256), (256, 256)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True)]
    return layers
