"""Contribution of levels: the network with the maps of its deepest levels replaced by zeros (figure 8).

A silenced level passes zeros instead of its upsampled maps to the next level. The levels below it then have
no effect and are not computed. The encoder depends on the photo only, so its maps are computed once for all
variants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253 - only imported when a network runs

from ebb_train.models.network import PyNet, TorchOperations
from ebb_train.models.pynet import pynet

if TYPE_CHECKING:
    from collections.abc import Collection

    from torch import Tensor

ENCODER = "encoder."
"""Prefix of the names of the encoder's layers."""


class EncoderMaps:
    """Encoder output for the last photo, shared by variants that hold the same object."""

    def __init__(self) -> None:
        self._photo: Tensor | None = None
        self._maps: dict[str, Tensor] = {}

    def of(self, photo: Tensor) -> dict[str, Tensor]:
        """Layer → maps of this photo; empty for a new photo."""
        if self._photo is None or not torch.equal(self._photo, photo):
            self._photo, self._maps = photo, {}
        return self._maps


class SilencedOperations(TorchOperations):
    """Back end that replaces the output of levels by zeros and caches the maps of the encoder.

    Args:
        network: The network with the layers.
        silent: Levels whose layers return zeros.
        encoded: Cached maps of the encoder's layers; new ones are added.
    """

    def __init__(self, network: PyNet, silent: Collection[int], encoded: dict[str, Tensor]) -> None:
        super().__init__(network)
        self._silent = tuple(f"level_{level}." for level in silent)
        self._encoded = encoded

    def conv(self, name: str, x: Tensor, kernel: int, channels: int, *, norm: bool) -> Tensor:
        """Convolution, zeros in a silenced level, or cached maps of the encoder."""
        if name.startswith(self._silent):
            return x.new_zeros(x.shape[0], channels, *x.shape[2:])
        if not name.startswith(ENCODER):
            return super().conv(name, x, kernel, channels, norm=norm)
        if name not in self._encoded:
            self._encoded[name] = super().conv(name, x, kernel, channels, norm=norm)
        return self._encoded[name]

    def up(self, name: str, x: Tensor, channels: int) -> Tensor:
        """Upsampling by 2, or zeros in a silenced level."""
        if name.startswith(self._silent):
            return x.new_zeros(x.shape[0], channels, 2 * x.shape[2], 2 * x.shape[3])
        return super().up(name, x, channels)


class SilencedPyNet(PyNet):
    """A network with shared weights that omits some levels.

    Args:
        network: The complete network.
        silent: Levels to omit: 7, or 7 and 6, …
        maps: One object that all variants of the network share.
    """

    def __init__(self, network: PyNet, silent: Collection[int], maps: EncoderMaps) -> None:
        super(PyNet, self).__init__()  # has no layers
        self.config = network.config
        self._silent, self._maps = tuple(silent), maps
        for name, part in network.named_children():
            self.add_module(name, part)

    def pictures(self, photo: Tensor, levels: Collection[int]) -> dict[int, Tensor]:
        """As :meth:`PyNet.pictures`, without the silenced levels."""
        self.check(photo)
        operations = SilencedOperations(self, self._silent, self._maps.of(photo))
        return pynet(operations, self.config, photo, levels)
