"""A network of the registry as one module on planes: what training, rendering and export run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch  # noqa: TID253 - only imported when a network is wanted
from torch import Tensor, nn  # noqa: TID253

from ebb.errors import InvalidInput
from ebb_train.models.weights import About, check_shapes, save_weights
from ebb_train.networks.planes import NetworkInputs
from ebb_train.networks.registry import find_spec

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.models.weights import Tensors
    from ebb_train.networks.spec import NetworkConfig


class PhotoNetwork(nn.Module):
    """A network with random weights.

    In training mode it gives all pictures that are supervised, in evaluation mode the last one.

    Attributes:
        config: Which network.
        spec: Its description.
        module: Its layers.
        trained_part: Name of the module whose pictures are given in training mode; empty: the whole network.
        shown_part: The same in evaluation mode.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config, self.spec = config, find_spec(config.model)
        self.trained_part = self.shown_part = ""
        arguments = dict(self.spec.arguments(config.width))
        if self.spec.photo_height and config.photo_height:
            arguments[self.spec.photo_height] = config.photo_height
        self.module = self.spec.build(**arguments)

    @property
    def in_channels(self) -> int:
        """3: RGB. 4: RGB and depth."""
        return 4 if "depth" in self.spec.planes else 3

    def forward(
        self, photo: Tensor, *, strength: Tensor | None = None, position: Tensor | None = None
    ) -> Tensor | list[Tensor]:
        """The picture, about [0, 1], not clipped; in training mode all supervised ones, the result last.

        Args:
            photo: (N, 3 or 4, H, W) in [0, 1]: RGB, and depth if the network takes it; H and W are multiples
                of the network's.
            strength: (N, 1), for networks that take it.
            position: (N, 2, H, W), for networks that take it.

        Raises:
            InvalidInput: a shape is wrong, or something that the network takes is missing.
        """
        self._check(photo)
        depth = photo[:, 3:] if photo.shape[1] == 4 else None
        inputs = NetworkInputs(photo[:, :3], depth, strength, position=position)
        module = self.module.get_submodule(self.trained_part if self.training else self.shown_part)
        if self.training:
            pictures = getattr(module, "pictures", None)
            found: list[Tensor] = pictures(inputs) if pictures is not None else [module(inputs)]
            return found
        picture: Tensor = module(inputs)
        return picture

    def _check(self, photo: Tensor) -> None:
        name, multiple = self.spec.name, self.spec.multiple
        if photo.ndim != 4 or photo.shape[1] != self.in_channels:
            raise InvalidInput(
                f"{name}: an input of shape {tuple(photo.shape)}, not (N, {self.in_channels}, H, W)",
                hint="4 channels: RGB and depth; 3: RGB alone",
            )
        height, width = photo.shape[2:]
        if height % multiple or width % multiple or not height * width:
            raise InvalidInput(
                f"{name}: an input of {width} x {height} pixels: both must be multiples of {multiple}",
                hint="pad the input, and crop the output",
            )


def build_network(config: NetworkConfig, seed: int) -> PhotoNetwork:
    """A network whose initial weights depend on the seed alone; PyTorch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PhotoNetwork(config)


def save_network(path: Path, network: PhotoNetwork, *, source: str, licence: str = "") -> str:
    """Write a network's weights as safetensors, atomically; as :func:`ebb_train.models.network.save_pynet`.

    Returns:
        SHA-256 of the file.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {name: tensor.detach().cpu().float().numpy() for name, tensor in _values(network).items()}
    config = network.config
    about = About(network=config.model, config=config.as_dict(), source=source, licence=licence)
    return save_weights(path, tensors, about)


def network_with(tensors: Tensors, config: NetworkConfig, path: Path | None = None) -> PhotoNetwork:
    """PhotoNetwork with these weights, in evaluation mode, on the CPU.

    Raises:
        InvalidInput: the tensors are not those of the config's network; the message names ``path``.
    """
    network = build_network(config, seed=0)
    load_tensors(network, tensors, path)
    return network.eval()


def load_tensors(network: PhotoNetwork, tensors: Tensors, path: Path | None = None) -> None:
    """Replace the weights of a network.

    Raises:
        InvalidInput: as :func:`network_with`.
    """
    wanted = {name: tuple(values.shape) for name, values in _values(network).items()}
    check_shapes({name: values.shape for name, values in tensors.items()}, wanted, path)
    state = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in tensors.items()}
    network.module.load_state_dict(network.module.state_dict() | state)


def _values(network: PhotoNetwork) -> dict[str, Tensor]:
    """Parameters and running statistics; the counters of batch normalisation change nothing."""
    state = network.module.state_dict()
    return {name: values for name, values in state.items() if values.is_floating_point()}
