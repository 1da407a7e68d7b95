"""Small networks with random weights, because initial weights give a nearly constant grey."""

from __future__ import annotations

import torch

from ebb_train.export.settings import PhotoSize
from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig

PHOTO_SIZE = PhotoSize(128, 192)
"""Of the photo that an exported network takes."""


def lively_network(seed: int = 0, **config: object) -> PyNet:
    """PyNET of a sixteenth of the width, with random weights, biases, scales and shifts."""
    torch.manual_seed(seed)
    network = PyNet(PyNetConfig(**({"width": 1 / 16} | config)))  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
    return network.requires_grad_(False).eval()
