"""The repair network in PyTorch, and its weights files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
from torch import Tensor, nn  # noqa: TID253

from ebb.errors import InvalidInput
from ebb_train.models.blocks import SLOPE
from ebb_train.models.network import LayerModule, TorchOperations, layer_module
from ebb_train.models.repair import (
    PLANES,
    REPAIR,
    SIZE_MULTIPLE,
    RepairConfig,
    logit_change,
    repair_layers,
)
from ebb_train.models.weights import About, check_shapes, read_weights, save_weights

if TYPE_CHECKING:
    from pathlib import Path

LAST_SIGMA = 1e-3
"""Standard deviation of the first weights of the output: a new network changes next to nothing."""
RESIDUAL_GAIN = 0.3
"""Of the second convolution of a residual block, so that blocks start near the identity."""
FIRST_GAIN = math.sqrt(2 / (1 + SLOPE**2))
"""Keeps the variance of maps through leaky ReLUs: He et al., "Delving deep into rectifiers", ICCV 2015."""
SHARE_PLANE, STEP_PLANE, CONTRAST_PLANE = 4, 3, 7
"""Indices of input planes."""
SHARE_GAIN = 8.0
"""Logit per unit of the map's own share: that of a new network."""


class RepairNet(nn.Module):
    """The repair network of :mod:`ebb_train.models.repair`."""

    def __init__(self, config: RepairConfig | None = None) -> None:
        super().__init__()
        self.config = config or RepairConfig()
        for layer in repair_layers(self.config):
            parent, _, last = layer.name.rpartition(".")
            if parent and parent not in dict(self.named_children()):
                self.add_module(parent, nn.Module())
            self.get_submodule(parent).add_module(last, layer_module(layer))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw the values that training starts from."""
        for layer in repair_layers(self.config):
            weight, bias = (self.get_parameter(f"{layer.name}.{part}") for part in ("weight", "bias"))
            module = self.get_submodule(layer.name)
            if layer.name == "logit":
                nn.init.normal_(weight, std=LAST_SIGMA, generator=generator)
            elif layer.kind == "linear":
                sigma = RESIDUAL_GAIN * FIRST_GAIN / math.sqrt(layer.kernel**2 * layer.in_channels)
                nn.init.normal_(weight, std=sigma, generator=generator)
            elif isinstance(module, LayerModule):
                module.reset_parameters(generator, "fan_in")
                with torch.no_grad():
                    weight.mul_(FIRST_GAIN)
            nn.init.zeros_(bias)

    def forward(self, planes: Tensor) -> Tensor:
        """Logit of the share of the nearer surface, (N, 1, H, W).

        Args:
            planes: (N, 8, H, W), as :func:`ebb_train.lens.planes.input_planes` makes them; H and W are
                multiples of 8.

        Raises:
            InvalidInput: the shape is wrong.
        """
        if (
            planes.ndim != 4
            or planes.shape[1] != PLANES
            or any(side % SIZE_MULTIPLE for side in planes.shape[2:])
        ):
            raise InvalidInput(f"an input of shape {tuple(planes.shape)}, not (N, 8, 8 h, 8 w)")
        change = logit_change(TorchOperations(self), self.config, planes)
        return change.float() + SHARE_GAIN * planes[:, SHARE_PLANE : SHARE_PLANE + 1].float()


def save_repair(path: Path, network: RepairNet, *, source: str, licence: str = "") -> str:
    """Write the weights as safetensors; returns the SHA-256 of the file.

    Raises:
        OutputError: the file cannot be written.
        MissingDependency: safetensors is not installed.
    """
    tensors = {name: tensor.detach().cpu().float().numpy() for name, tensor in network.state_dict().items()}
    about = About(network=REPAIR, config=network.config.as_dict(), source=source, licence=licence)
    return save_weights(path, tensors, about)


def load_repair(path: Path) -> RepairNet:
    """Read a network in evaluation mode.

    Raises:
        InvalidInput: not such a file, damaged, or the weights of another network.
        MissingDependency: safetensors is not installed.
    """
    tensors, about = read_weights(path)
    if about.network != REPAIR:
        raise InvalidInput(f"weights of the network {about.network!r}, not of {REPAIR!r}", path=path)
    network = RepairNet(RepairConfig.from_dict(about.config, path))
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    check_shapes({name: values.shape for name, values in tensors.items()}, wanted, path)
    network.load_state_dict({name: torch.from_numpy(values) for name, values in tensors.items()})
    return network.eval()
