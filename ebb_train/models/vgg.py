"""VGG-19 up to its last convolution, for a loss in the features of an image classifier.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition" (ICLR 2015),
configuration E. The layers have the names of the public weights file, which can be loaded without changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
from torch import Tensor, nn  # noqa: TID253

from ebb.pytorch import load_state, matched_state, shapes
from ebb_train.models.weights import check_shapes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Normalization: TypeAlias = Literal["imagenet", "caffe"]
"""Input normalisation of the weights: channels of zero mean and unit deviation for the public file, 0…255
minus
a mean for the file that the PyNET authors used (made with Caffe)."""

_SHIFT_SCALE: Mapping[Normalization, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255)),
}

VGG16_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
VGG19_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""Channels and convolutions of each block; all but the last end in 2 x 2 max pooling."""


class Vgg19(nn.Module):
    """Features after the fourth convolution and ReLU of block 5 (relu5_4), with frozen weights.

    Args:
        normalization: Input normalisation of the weights.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, normalization: Normalization = "imagenet") -> None:
        super().__init__()
        self.features = nn.Sequential(*convolutions(VGG19_BLOCKS))
        shift, scale = (torch.tensor(values).reshape(3, 1, 1) for values in _SHIFT_SCALE[normalization])
        self.register_buffer("shift", shift, persistent=False)
        self.register_buffer("scale", scale, persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, pictures: Tensor) -> Tensor:
        """Map RGB pictures (N, 3, H, W) in [0, 1] to features (N, 512, H / 16, W / 16), not negative."""
        features: Tensor = self.features((pictures - self.shift) / self.scale)
        return features


def load_vgg19(path: Path, normalization: Normalization = "imagenet") -> Vgg19:
    """Build the network with the weights of the public file, without its classifier.

    Raises:
        InvalidInput: the file does not exist, or does not contain weights of VGG-19.
    """
    state = load_state(path, "fetch it with: ebb weights download vgg19")
    trunk = {name: values for name, values in state.items() if not name.startswith("classifier.")}
    with torch.device("meta"):
        wanted = Vgg19().state_dict()
    check_shapes(shapes(trunk), shapes(wanted), path)
    network = Vgg19(normalization)
    network.load_state_dict(matched_state(trunk, wanted, path), strict=True)
    return network


def convolutions(blocks: Sequence[tuple[int, int]]) -> list[nn.Module]:
    """Layers of a VGG: 3 x 3 convolutions with ReLU, and 2 x 2 max pooling between the blocks.

    Args:
        blocks: Channels and convolutions of each block.
    """
    layers: list[nn.Module] = []
    channels = 3
    for number, (width, count) in enumerate(blocks):
        if number:
            layers.append(nn.MaxPool2d(2))
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
    return layers
