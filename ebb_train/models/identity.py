"""Initial weights with which PyNET's picture starts as its input photo.

In levels 3 to 1 the photo reaches the picture only through a chain of convolutions: the encoder's first
maps, which level 3 has as a skip connection, and the last maps of level 3. From random weights a network
spends most of a short training on learning to copy the photo through eight maps. Here the chain starts as the
identity, as in dirac initialisation, and all other weights are as they were.

Each of the first maps is a channel of one of the 2 x 2 pixels of a cell. The last maps of level 3 are the
luma of the four pixels, and the means of red and blue over the cell; level 2 assembles them to a picture,
whose colours are interpolated between the cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253 - part of a network definition

if TYPE_CHECKING:
    from torch import Tensor

    from ebb_train.models.network import PyNet

LUMA = (0.25, 0.5, 0.25)
"""Luma: simple weights, with which green is exactly 2 · luma − (red + blue) / 2."""

GAIN = 1.95
"""Slope before tanh: with it, tanh(GAIN · (x − ½)) · 0.58 + ½ differs from x by at most 0.06 in [0, 1]."""

PIXELS = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Row and column of the pixels of a cell, in the order of space-to-depth."""

RED, BLUE, MAPS = 4, 5, 6
"""Among the last maps of level 3: after the four of luma."""

OF_OTHERS = 0.03
"""Factor of the weights of other maps, where the chain joins them."""


@torch.no_grad()
def start_as_photo(network: PyNet, level: int) -> None:
    """Set the new layers of a level of a network so that its picture starts as the photo.

    Args:
        network: Of this level or one that comes after it, with random weights.
        level: 7: the first maps of the encoder. 3 and 2: the layers of the picture. Others: nothing is
            changed.
    """
    if level == 7:
        _encoder(network)
    elif level == 3:
        _last_maps(network)
        _set(network, "level_3.out", _from_means())
    elif level == 2:
        _assemble(network)
        _set(network, "level_2.out", _from_luma())


def keep_photo(network: PyNet) -> None:
    """Freeze the first maps of the encoder in networks of levels 7 to 4, whose pictures do not show them.

    Adam moves every weight of these layers by about the learning rate a step, and there are 144 to a map:
    after some hundred steps of levels 7 to 4 they would no longer hold the photo that level 3 starts with.
    """
    if network.config.level > 3:
        network.get_submodule("encoder.e3").requires_grad_(requires_grad=False)


def _encoder(network: PyNet) -> None:
    values = 4 * network.config.in_channels
    for number in (0, 1):
        weight = network.get_parameter(f"encoder.e3.3x3.{number}.weight")
        weight[:values] = 0
        network.get_parameter(f"encoder.e3.3x3.{number}.bias")[:values] = 0
        for channel in range(values):
            weight[channel, channel, 1, 1] = 1


def _last_maps(network: PyNet) -> None:
    """Take luma and colours out of the first maps, which are the last of the maps that level 3 joins."""
    joined = network.get_parameter("level_3.f11.3x3.0.weight")
    photo = joined[:, -len(network.get_parameter("encoder.e3.3x3.1.bias")) :]
    joined[:MAPS] *= OF_OTHERS
    photo[:MAPS] = 0
    step = network.config.in_channels
    for number in range(len(PIXELS)):
        photo[number, number * step : number * step + 3, 1, 1] = torch.tensor(LUMA)
        photo[RED, number * step, 1, 1] = photo[BLUE, number * step + 2, 1, 1] = 1 / len(PIXELS)
    last = network.get_parameter("level_3.f11.3x3.1.weight")
    last[:MAPS] *= OF_OTHERS
    last[:MAPS, :MAPS] = torch.eye(MAPS)[:, :, None, None] * _centre()
    for layer in (0, 1):
        network.get_parameter(f"level_3.f11.3x3.{layer}.bias")[:MAPS] = 0


def _assemble(network: PyNet) -> None:
    """Upsampled maps: luma, red and blue of the cell, its mean luma."""
    up = network.get_parameter("level_2.up.weight")
    up[:, :4] = 0
    for number, (row, column) in enumerate(PIXELS):
        up[number, 0, row, column] = 1
        up[number, 3, :2, :2] = 1 / len(PIXELS)
    up[RED, 1, :2, :2] = up[BLUE, 2, :2, :2] = 1


def _from_means() -> Tensor:
    """(3, 6, 3, 3): red, green and blue from the four lumas and the means of red and blue."""
    means = torch.zeros(3, MAPS)
    means[0, RED] = means[2, BLUE] = 1
    means[1, :4] = 2 / len(PIXELS)
    means[1, RED] = means[1, BLUE] = -0.5
    return means[:, :, None, None] * _centre()


def _from_luma() -> Tensor:
    """(3, 4, 3, 3): luma of the pixel, and the smoothed difference of each colour to the luma of the cell."""
    tent = torch.outer(*2 * (torch.tensor([0.25, 0.5, 0.25]),))
    colours = torch.tensor([[0.0, 1, 0, -1], [0, -0.5, -0.5, 1], [0, 0, 1, -1]])
    weight = colours[:, :, None, None] * tent
    weight[:, 0] = _centre()
    return weight


def _set(network: PyNet, head: str, weight: Tensor) -> None:
    network.get_parameter(f"{head}.weight")[:, : weight.shape[1]] = GAIN * weight
    network.get_parameter(f"{head}.bias").fill_(-GAIN / 2)


def _centre() -> Tensor:
    centre = torch.zeros(3, 3)
    centre[1, 1] = 1
    return centre
