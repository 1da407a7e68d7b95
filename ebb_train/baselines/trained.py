"""Trained networks as models to compare: PyNET, and those of the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebb.files import sha256_file
from ebb_train.baselines import pynet
from ebb_train.baselines.model import Cost, Model, require_depth
from ebb_train.models.pynet import PyNetConfig
from ebb_train.models.weights_path import weights_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ebb.arrays import Gray8, Rgb8, Size
    from ebb_train.baselines.pynet import PyNetModel
    from ebb_train.data.sources import Photos
    from ebb_train.networks.photo_network import PhotoNetwork
    from ebb_train.pixels import Floats


class NetworkModel(Model):
    """Runs a network of the registry on whole photos; one that takes an f-number gets that of the pair."""

    def __init__(self, network: PhotoNetwork, path: Path, sha256: str) -> None:
        self.network, self.name, self._path, self._sha256 = network, path.stem, path, sha256
        self.needs_depth = network.in_channels == 4

    def __reduce__(self) -> tuple[Callable[[Path, str], NetworkModel | PyNetModel], tuple[Path, str]]:
        """Pickle as a path: reading the file is faster than copying the weights to another process."""
        return load, (self._path, str(next(self.network.parameters()).device))

    def render(self, wide: Rgb8, depth: Gray8 | None) -> Floats:
        """Run the network; see :func:`ebb_train.inference.full_size.render_at_full_size`."""
        return self._render(wide, depth, None)

    def render_pair(self, photos: Photos) -> Floats:
        """Run the network on the wide photo of a pair."""
        return self._render(photos.wide, photos.depth, photos.f_number)

    def _render(self, wide: Rgb8, depth: Gray8 | None, f_number: float | None) -> Floats:
        from ebb_train.inference.full_size import render_at_full_size

        depth = require_depth(self.name, depth) if self.needs_depth else None
        return render_at_full_size(self.network, wide, depth, f_number)

    def metadata(self) -> dict[str, Any]:
        """Configuration of the network, and the hash of its weights."""
        config = self.network.config
        return {"model": config.model, "weights_sha256": self._sha256, "config": config.as_dict()}

    def cost(self, size: Size) -> Cost:
        """All parameters, and the multiply-adds of convolutions, linear layers and attention products."""
        from ebb_train.inference.full_size import padded_side
        from ebb_train.networks.cost import multiply_adds

        height, width = (padded_side(length, self.network.spec) for length in (size.height, size.width))
        parameters = sum(values.numel() for values in self.network.parameters())
        return Cost(parameters, multiply_adds(self.network.config, height, width))


def load(path: Path, device: str = "auto") -> NetworkModel | PyNetModel:
    """Read any network from its weights file or run folder; tables call it by the file's name.

    Raises:
        UsageError: there is no such device.
        InvalidInput: not such a file, damaged, or a PyNET that ends at a deeper level: its picture is smaller
            than the photo.
        MissingDependency: safetensors or PyTorch is not installed.
    """
    from ebb_train.inference.network import load_network

    path = weights_path(path)
    network = load_network(path, device)
    if isinstance(network.config, PyNetConfig):
        return pynet.of_network(network, path)
    return NetworkModel(network, path, sha256_file(path))
