"""PyNET from a weights file, with or without depth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ebb.errors import InvalidInput
from ebb.files import sha256_file
from ebb_train.baselines.model import Cost, Model, require_depth
from ebb_train.models.pynet import SIZE_MULTIPLE, PyNetConfig, tensor_shapes, used_layers
from ebb_train.models.weights_path import weights_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ebb.arrays import Gray8, Rgb8, Size
    from ebb_train.models.network import PyNet
    from ebb_train.pixels import Floats


class PyNetModel(Model):
    """Runs a network on whole photos."""

    def __init__(self, network: PyNet, path: Path, sha256: str) -> None:
        self.network, self.name, self._path, self._sha256 = network, path.stem, path, sha256
        self.needs_depth = network.config.in_channels == 4

    def with_network(self, network: PyNet) -> PyNetModel:
        """The same weights, run by another network."""
        return PyNetModel(network, self._path, self._sha256)

    def __reduce__(self) -> tuple[Callable[[Path, str], PyNetModel], tuple[Path, str]]:
        """Pickle as a path: reading the file is faster than copying the weights to another process."""
        return load, (self._path, str(next(self.network.parameters()).device))

    def render(self, wide: Rgb8, depth: Gray8 | None) -> Floats:
        """Run the network; see :func:`ebb_train.inference.whole_photo.render_full_image`."""
        from ebb_train.inference.whole_photo import render_full_image

        return render_full_image(
            self.network, wide, require_depth(self.name, depth) if self.needs_depth else None
        )

    def metadata(self) -> dict[str, Any]:
        """Configuration of the network, and the hash of its weights."""
        return {"model": "pynet", "weights_sha256": self._sha256, "config": self.network.config.as_dict()}

    def cost(self, size: Size) -> Cost:
        """All parameters of the file, and the multiply-adds of the convolutions that make the picture."""
        height, width = (_network_side(length) for length in (size.height, size.width))
        layers = used_layers(self.network.config, height, width)
        parameters = sum(math.prod(shape) for shape in tensor_shapes(self.network.config).values())
        return Cost(parameters, sum(layer.multiply_adds for layer in layers))


def load(path: Path, device: str = "auto") -> PyNetModel:
    """Read a PyNET of level 1 from its weights file or run folder; tables call it by the file's name.

    Raises:
        UsageError: there is no such device.
        InvalidInput: not such a file, damaged, another network, or one that ends at a deeper level: its
            picture is smaller than the photo.
        MissingDependency: safetensors or PyTorch is not installed.
    """
    from ebb_train.inference.network import load_network

    path = weights_path(path)
    network = load_network(path, device)
    if not isinstance(network.config, PyNetConfig):
        raise InvalidInput(f"weights of {network.config.model}, and this is for PyNET", path=path)
    return of_network(network, path)


def of_network(network: PyNet, path: Path) -> PyNetModel:
    """The model of a network of level 1.

    Args:
        network: On its device.
        path: Its weights file.

    Raises:
        InvalidInput: it ends at a deeper level.
    """
    if network.config.level != 1:
        raise InvalidInput(
            f"a network that ends at level {network.config.level}; pictures of full size come from level 1",
            path=path,
            hint="train on down to level 1",
        )
    return PyNetModel(network, path, sha256_file(path))


def silenced(whole: PyNetModel, cuts: Sequence[Sequence[int]]) -> list[PyNetModel]:
    """The network with levels left out, one model for each cut; they share weights and the encoder's maps."""
    from ebb_train.models.ablation import EncoderMaps, SilencedPyNet

    maps = EncoderMaps()
    return [whole.with_network(SilencedPyNet(whole.network, cut, maps)) for cut in cuts]


def _network_side(length: int) -> int:
    """Side of the network's input for a photo's side: half, rounded up to what it takes."""
    return -(-length // (2 * SIZE_MULTIPLE)) * SIZE_MULTIPLE
