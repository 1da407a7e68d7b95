"""Loading of networks from a weights file or a run folder, onto their device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb_train import optional
from ebb_train.models.weights_path import weights_path

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.models.network import PyNet
    from ebb_train.networks.photo_network import PhotoNetwork


def load_network(path: Path, device: str = "auto") -> PyNet | PhotoNetwork:
    """Read a network and move it to a device.

    Args:
        path: A weights file, or a run folder of ``ebb-train fit``: its best weights.
        device: cpu, cuda or auto.

    Raises:
        UsageError: there is no such device.
        InvalidInput: not a weights file of a network that makes pictures, a damaged one, or a folder without
            weights.
        MissingDependency: safetensors or PyTorch is not installed.
    """
    optional.safetensors()
    optional.torch()
    from ebb.pytorch import to_device, torch_device
    from ebb_train.networks.files import load_any

    return to_device(load_any(weights_path(path)), torch_device(device))
