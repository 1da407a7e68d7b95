"""PyNET with adjustable strength of the blur, the wish of Ignatov et al. (2020), section 4.2.

The strength is s = N₀ / N: the blur disc of a thin lens is proportional to 1 / N, so s is its size relative
to that of the largest aperture, N₀. The trained network, whose pictures are those of s = 1, is kept as it is,
and is told s in two ways, both of which vanish at s = 1:

- a further input plane, (s − 1) · (depth − depth in focus), the change of the signed blur disc; (s − 1)
  without depth. Its weights are added to those of the encoder's first layer.
- optionally a scale and a shift of the maps that levels 7 to 4 hand over to the next, from an embedding of s:
  FiLM (Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018), times (1 − s).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253

from ebb.errors import InvalidInput, UsageError
from ebb_train.models.blocks import SLOPE
from ebb_train.models.network import TorchOperations, network_of
from ebb_train.models.pynet import PyNetConfig, pynet, tensor_shapes, used_layers
from ebb_train.models.weights import STRENGTH_NETWORK, About, check_shapes, read_weights, save_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ebb_train.models.network import PyNet
    from ebb_train.models.weights import Tensors

FIRST_LAYER = "encoder.e3.3x3.0"
HANDOVERS = ("level_7.up", "level_6.up", "level_5.up", "level_4.up")
"""Layers whose maps are scaled and shifted: two of each."""
BANDS, HIDDEN, EMBEDDING = 8, 32, 64
"""Frequencies of the embedding, and the sizes of its layers."""
INITIAL_SIGMA = 1e-4
"""Of the weights that join the embedding to the network: with zeros the embedding would have no gradient."""
ANCHOR = 0.1
"""Strength below which the picture is blended with the photo, down to the photo itself at 0."""


@dataclass(frozen=True, kw_only=True)
class StrengthConfig:
    """What strength means, and how the network is told.

    Raises:
        UsageError: the f-number is not positive.
    """

    f_number: float = 1.8
    """N₀: the f-number whose pictures the network gives at strength 1."""
    film: bool = True
    """Whether maps are scaled and shifted by an embedding of the strength, besides the input plane."""

    def __post_init__(self) -> None:
        if not 0 < self.f_number < math.inf:
            raise UsageError(f"an f-number of {self.f_number:g}", hint="a positive number, as in 1.8")

    def strength_of(self, f_number: float) -> float:
        """Strength of an f-number.

        Raises:
            UsageError: the aperture is larger than the largest in training.
        """
        if f_number < self.f_number:
            message = f"f/{f_number:g} is a larger aperture than the network was trained for"
            raise UsageError(message, hint=f"--aperture {self.f_number:g}, or larger numbers")
        return self.f_number / f_number


class StrengthNet(nn.Module):
    """A frozen PyNET with what it is told about the strength.

    Args:
        base: The trained network; it is put into evaluation mode and its parameters are frozen.
        config: Of the strength.
    """

    def __init__(self, base: PyNet, config: StrengthConfig) -> None:
        super().__init__()
        self.base, self.strength_config = base.requires_grad_(requires_grad=False), config
        self.config = base.config
        first = base.get_parameter(f"{FIRST_LAYER}.weight")
        self.plane = nn.Parameter(torch.zeros(len(first), 4, *first.shape[2:]))
        self.embedding = nn.Sequential(
            nn.Linear(2 * BANDS, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, EMBEDDING), nn.GELU()
        )
        channels = _handed_over(self.config) if config.film else {}
        self.films = nn.ModuleDict(
            {name.replace(".", "-"): nn.Linear(EMBEDDING, 2 * count) for name, count in channels.items()}
        )
        if not config.film:
            self.embedding = nn.Sequential()

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Initialise what the base is told: the plane counts nothing, FiLM next to nothing."""
        nn.init.zeros_(self.plane)
        for layer in self.embedding:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=layer.in_features**-0.5, generator=generator)
                nn.init.zeros_(layer.bias)
        for film in self.films.values():
            nn.init.normal_(film.get_parameter("weight"), std=INITIAL_SIGMA, generator=generator)
            nn.init.zeros_(film.get_parameter("bias"))

    def told(self) -> dict[str, nn.Parameter]:
        """The parameters that are trained: those besides the base network's."""
        return {name: values for name, values in self.named_parameters() if not name.startswith("base.")}

    def forward(self, photo: Tensor, strength: Tensor, focus: Tensor) -> Tensor:
        """The picture of the network's level, about [0, 1]; where all strengths are 1, that of the base.

        Args:
            photo: (N, 3 or 4, H, W), as for :class:`~ebb_train.models.network.PyNet`.
            strength: (N,), in [0, 1].
            focus: (N,), depth that is in focus, in [0, 1]; not looked at without depth.
        """
        if bool((strength == 1).all()):
            picture: Tensor = self.base(photo)
            return picture
        self.base.check(photo)
        operations = _TellingOperations(self, self._plane(photo, strength, focus), strength)
        return pynet(operations, self.config, photo, (self.config.level,))[self.config.level]

    def film_of(self, layer: str, strength: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and shift of the maps of a layer, (N, C, 1, 1) each; none at strength 1."""
        frequencies = math.pi * 2.0 ** torch.arange(BANDS, dtype=strength.dtype, device=strength.device) / 2
        waves = strength[:, None] * frequencies
        embedded = self.embedding(torch.cat([waves.sin(), waves.cos()], dim=1))
        both = self.films[layer.replace(".", "-")](embedded) * (1 - strength)[:, None]
        scale, shift = both[:, :, None, None].chunk(2, dim=1)
        return scale, shift

    def _plane(self, photo: Tensor, strength: Tensor, focus: Tensor) -> Tensor:
        change = (strength - 1)[:, None, None, None]
        if self.config.in_channels == 4:
            return change * (photo[:, 3:] - focus[:, None, None, None])
        return change.expand(-1, 1, *photo.shape[2:])


class _TellingOperations(TorchOperations):
    """Runs the layers of the base network, and adds what they are told.

    Args:
        network: With the base.
        plane: (N, 1, H, W).
        strength: (N,).
    """

    def __init__(self, network: StrengthNet, plane: Tensor, strength: Tensor) -> None:
        super().__init__(network.base)
        self._told, self._plane, self._strength = network, plane, strength

    def conv(self, name: str, x: Tensor, kernel: int, channels: int, *, norm: bool) -> Tensor:
        """The encoder's first layer sees the plane, too."""
        if name != FIRST_LAYER:
            return super().conv(name, x, kernel, channels, norm=norm)
        layer, padding = self._network.get_submodule(name), kernel // 2
        y = F.conv2d(x, layer.get_parameter("weight"), layer.get_parameter("bias"), padding=padding)
        told = F.conv2d(self.space_to_depth(self._plane), self._told.plane, padding=padding)
        return F.leaky_relu(y + told, SLOPE)

    def up(self, name: str, x: Tensor, channels: int) -> Tensor:
        """Maps that are handed over are scaled and shifted."""
        y = super().up(name, x, channels)
        if name.replace(".", "-") not in self._told.films:
            return y
        scale, shift = self._told.film_of(name, self._strength)
        return y * (1 + scale) + shift


def anchored(photo: Tensor, picture: Tensor, strength: float) -> Tensor:
    """Blend a picture of small strength with the photo: out = photo + min(1, s / 0.1) · (picture − photo).

    At strength 0 it is the photo itself, from 0.1 on the picture itself.
    """
    weight = min(1.0, strength / ANCHOR)
    if weight in (0.0, 1.0):
        return picture if weight else photo
    return photo + weight * (picture - photo)


def _handed_over(config: PyNetConfig) -> dict[str, int]:
    """Layer → number of maps, of those that a network of this level hands over."""
    return {
        layer.name: layer.out_channels
        for layer in used_layers(config)
        if layer.kind == "up" and layer.name.startswith(HANDOVERS)
    }


def save_strength(path: Path, network: StrengthNet, *, source: str, licence: str = "") -> str:
    """Write the base network and what it is told to one file, atomically.

    Returns:
        SHA-256 of the file.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {name: values.detach().cpu().float().numpy() for name, values in network.state_dict().items()}
    config: dict[str, Any] = {"base": network.config.as_dict(), "strength": asdict(network.strength_config)}
    return save_weights(
        path, tensors, About(network=STRENGTH_NETWORK, config=config, source=source, licence=licence)
    )


def load_strength(path: Path) -> StrengthNet:
    """Read a file of :func:`save_strength`.

    Returns:
        The network in evaluation mode, on the CPU.

    Raises:
        InvalidInput: not such a file, or a damaged one.
        MissingDependency: safetensors is not installed.
    """
    return strength_net(*read_weights(path), path)


def strength_net(tensors: Tensors, about: About, path: Path) -> StrengthNet:
    """The network of a weights file that was read.

    Raises:
        InvalidInput: it is of another network, or not complete.
    """
    if about.network != STRENGTH_NETWORK or set(about.config) != {"base", "strength"}:
        raise InvalidInput(
            f"weights of the network {about.network!r}, not of {STRENGTH_NETWORK!r}", path=path
        )
    config = PyNetConfig.from_dict(about.config["base"], path)
    try:
        strength = StrengthConfig(**about.config["strength"])
    except (TypeError, UsageError) as error:
        raise InvalidInput(f"not a config of the strength: {error}", path=path) from error
    base = {name.removeprefix("base."): part for name, part in tensors.items() if name.startswith("base.")}
    check_shapes({name: values.shape for name, values in base.items()}, tensor_shapes(config), path)
    network = StrengthNet(network_of(base, config), strength)
    _load_told(network, tensors, path)
    return network.eval()


def _load_told(network: StrengthNet, tensors: Mapping[str, Any], path: Path) -> None:
    told = network.told()
    found = {name: values for name, values in tensors.items() if not name.startswith("base.")}
    shapes = {name: tuple(values.shape) for name, values in told.items()}
    check_shapes({name: values.shape for name, values in found.items()}, shapes, path)
    with torch.no_grad():
        for name, values in told.items():
            values.copy_(torch.from_numpy(found[name]))
