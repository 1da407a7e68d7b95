"""Weights files of any network: what they hold is in their note."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ebb.errors import InvalidInput
from ebb_train.models.pynet import PyNetConfig
from ebb_train.models.weights import PYNET, pynet_config, read_weights
from ebb_train.networks.registry import NETWORKS, find_spec
from ebb_train.networks.spec import NetworkConfig

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.models.inference_graph import InferenceGraph
    from ebb_train.models.network import PyNet
    from ebb_train.models.weights import About, Tensors
    from ebb_train.networks.photo_network import PhotoNetwork

AnyNetwork: TypeAlias = "PyNet | InferenceGraph | PhotoNetwork"
"""Modules that make pictures."""

Config: TypeAlias = PyNetConfig | NetworkConfig
"""Of any network."""


def network_config(tensors: Tensors, about: About, path: Path) -> Config:
    """Configuration of the network in a weights file.

    Args:
        tensors: Result of :func:`~ebb_train.models.weights.read_weights`; those of PyNET are checked.
        about: Result of the same function.
        path: The file, for messages.

    Raises:
        InvalidInput: the weights are those of a network that is unknown here, or none of its config.
    """
    if about.network == PYNET:
        return pynet_config(tensors, about, path)
    if about.network not in NETWORKS:
        known = ", ".join((PYNET, *NETWORKS))
        raise InvalidInput(
            f"weights of the network {about.network!r}, which makes no pictures here",
            path=path,
            hint=f"known: {known}",
        )
    config = NetworkConfig.from_dict(about.config, path)
    if config.model != about.network:
        message = f"says that it is {about.network!r}, and its config that it is {config.model!r}"
        raise InvalidInput(message, path=path)
    return config


def read_network(path: Path) -> tuple[Tensors, Config]:
    """Read the weights of any network, and its config.

    Raises:
        InvalidInput: as :func:`~ebb_train.models.weights.read_weights` and :func:`network_config`.
        MissingDependency: safetensors is not installed.
    """
    tensors, about = read_weights(path)
    return tensors, network_config(tensors, about, path)


def load_any(path: Path) -> PyNet | PhotoNetwork:
    """Read a network.

    Returns:
        The network in evaluation mode, on the CPU, float32.

    Raises:
        InvalidInput: as :func:`read_network`, or the tensors are not those of the network.
        MissingDependency: safetensors or PyTorch is not installed.
    """
    tensors, config = read_network(path)
    if isinstance(config, PyNetConfig):
        from ebb_train.models.network import network_of

        return network_of(tensors, config)
    from ebb_train.networks.photo_network import network_with

    return network_with(tensors, config, path)


def save_any(path: Path, network: PyNet | PhotoNetwork, *, source: str) -> str:
    """Write the weights of a network as safetensors, atomically.

    Returns:
        SHA-256 of the file.

    Raises:
        OutputError: the file cannot be written.
    """
    from ebb_train.models.network import PyNet, save_pynet
    from ebb_train.networks.photo_network import save_network

    if isinstance(network, PyNet):
        return save_pynet(path, network, source=source)
    return save_network(path, network, source=source)


def takes_depth(network: AnyNetwork) -> bool:
    """Whether a network takes depth beside the photo."""
    config = network.config
    return (
        config.in_channels == 4
        if isinstance(config, PyNetConfig)
        else "depth" in find_spec(config.model).planes
    )


def takes_f_number(network: AnyNetwork) -> bool:
    """Whether a network takes the f-number of the picture."""
    config = network.config
    return not isinstance(config, PyNetConfig) and "strength" in find_spec(config.model).planes
