"""The repair network in PyTorch, and its weights files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253

from ebb.errors import InvalidInput
from ebb_train.models.blocks import SLOPE
from ebb_train.models.network import LayerModule, TorchOperations, layer_module
from ebb_train.models.repair import (
    OFFSETS,
    PLANES,
    REPAIR,
    SIZE_MULTIPLE,
    RepairConfig,
    corrections,
    repair_layers,
)
from ebb_train.models.weights import About, check_shapes, read_weights, save_weights

if TYPE_CHECKING:
    from pathlib import Path

LAST_SIGMA = 1e-4
"""Standard deviation of the first weights of the output layers: a new network changes next to nothing."""
FIRST_GAIN = math.sqrt(2 / (1 + SLOPE**2))
"""Keeps the variance of maps through leaky ReLUs: He et al., "Delving deep into rectifiers", ICCV 2015."""
CLOSED = -2.0
"""First bias of the weight: sigmoid(−2) = 0.12."""


class Corrections(NamedTuple):
    """Output of the network; all (N, channels, H, W)."""

    residual: Tensor
    """3 channels."""
    weight: Tensor
    """1 channel, in [0, 1], before it is multiplied by the band."""
    shares: Tensor
    """17 channels, sum 1: of the photo and the displaced renders."""

    def apply(self, photo: Tensor, layered: Tensor, band: Tensor) -> Tensor:
        """The repaired picture, not clipped; arguments as the network's planes, in sRGB."""
        return layered + self.weight * band * self.change(photo, layered)

    def change(self, photo: Tensor, layered: Tensor) -> Tensor:
        """What is added to the layered render where weight and band are 1."""
        change = self.residual - layered
        for share, candidate in zip(
            torch.split(self.shares, 1, 1), (photo, *displaced(layered)), strict=True
        ):
            change = torch.addcmul(change, share, candidate)
        return change


def displaced(layered: Tensor) -> list[Tensor]:
    """The render displaced by each of the offsets; beyond the border the outermost pixels are repeated."""
    height, width = layered.shape[2:]
    reach = max(max(abs(dy), abs(dx)) for dy, dx in OFFSETS)
    framed = F.pad(layered, (reach,) * 4, mode="replicate")
    return [
        framed[:, :, reach + dy : reach + dy + height, reach + dx : reach + dx + width] for dy, dx in OFFSETS
    ]


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
            module = self.get_submodule(layer.name)
            if isinstance(module, LayerModule):
                module.reset_parameters(generator, "fan_in")
                with torch.no_grad():
                    module.weight.mul_(FIRST_GAIN)
            if layer.kind == "linear":
                weight, bias = (self.get_parameter(f"{layer.name}.{part}") for part in ("weight", "bias"))
                nn.init.normal_(weight, std=LAST_SIGMA, generator=generator)
                nn.init.constant_(bias, CLOSED if layer.name == "weight" else 0.0)

    def forward(self, planes: Tensor) -> Corrections:
        """Corrections of a layered render.

        Args:
            planes: (N, 9, H, W), as :func:`ebb_train.lens.batches.input_planes` makes them; H and W are
                multiples of 4.

        Raises:
            InvalidInput: the shape is wrong.
        """
        if (
            planes.ndim != 4
            or planes.shape[1] != PLANES
            or any(side % SIZE_MULTIPLE for side in planes.shape[2:])
        ):
            raise InvalidInput(f"an input of shape {tuple(planes.shape)}, not (N, 9, 4 h, 4 w)")
        residual, weight, shares = corrections(TorchOperations(self), self.config, planes)
        opened = torch.sigmoid(weight)
        if not self.training and self.config.threshold:
            opened = ((opened - self.config.threshold) / (1 - self.config.threshold)).clamp_min(0)
        return Corrections(residual, opened, torch.softmax(shares, 1))


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
