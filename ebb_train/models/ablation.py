"""Contribution of levels: the network with the maps of its deepest levels replaced by zeros (figure 8).

A silent level hands zeros up instead of its doubled maps, so nothing below it matters either, and nothing of
it is computed. The encoder sees the photo only: its maps are made once, for all variants.
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
"""How the names of the encoder's layers start."""


class EncoderMaps:
    """Encoder output for the last photo, shared by variants that hold the same object."""

    def __init__(self) -> None:
        self._photo: Tensor | None = None
        self._maps: dict[str, Tensor] = {}

    def of(self, photo: Tensor) -> dict[str, Tensor]:
        """Layer → maps of this photo, empty if it is a new one."""
        if self._photo is None or not torch.equal(self._photo, photo):
            self._photo, self._maps = photo, {}
        return self._maps


class SilencedOperations(TorchOperations):
    """The back end that leaves levels out and remembers the encoder.

    Args:
        network: Holds the layers.
        silent: Levels whose layers give zeros.
        encoded: Maps of the encoder's layers that are known; new ones are added.
    """

    def __init__(self, network: PyNet, silent: Collection[int], encoded: dict[str, Tensor]) -> None:
        super().__init__(network)
        self._silent = tuple(f"level_{level}." for level in silent)
        self._encoded = encoded

    def conv(self, name: str, x: Tensor, kernel: int, channels: int, *, norm: bool) -> Tensor:
        """A convolution, zeros in a silent level, or a cached map of the encoder."""
        if name.startswith(self._silent):
            return x.new_zeros(x.shape[0], channels, *x.shape[2:])
        if not name.startswith(ENCODER):
            return super().conv(name, x, kernel, channels, norm=norm)
        if name not in self._encoded:
            self._encoded[name] = super().conv(name, x, kernel, channels, norm=norm)
        return self._encoded[name]

    def up(self, name: str, x: Tensor, channels: int) -> Tensor:
        """A doubling, or zeros in a silent level."""
        if name.startswith(self._silent):
            return x.new_zeros(x.shape[0], channels, 2 * x.shape[2], 2 * x.shape[3])
        return super().up(name, x, channels)


class SilencedPyNet(PyNet):
    """A network that has the weights of another and leaves levels out.

    Args:
        network: The whole one.
        silent: Levels to leave out: 7, 7 and 6, …
        maps: One object for all variants of the network.
    """

    def __init__(self, network: PyNet, silent: Collection[int], maps: EncoderMaps) -> None:
        super(PyNet, self).__init__()  # has no layers
        self.config = network.config
        self._silent, self._maps = tuple(silent), maps
        for name, part in network.named_children():
            self.add_module(name, part)

    def pictures(self, photo: Tensor, levels: Collection[int]) -> dict[int, Tensor]:
        """As :meth:`PyNet.pictures`, without the silent levels."""
        self.check(photo)
        operations = SilencedOperations(self, self._silent, self._maps.of(photo))
        return pynet(operations, self.config, photo, levels)
