"""LPIPS for the tables: finds the weights, or the reason why it cannot be computed.

The network is :mod:`ebb_train.models.perceptual`; PyTorch is imported when the weights are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ebb.errors import MissingDependency
from ebb.files import sha256_file
from ebb.pytorch import load_state, matched_state, shapes
from ebb.weights import find_weights
from ebb_train import optional

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from ebb_train.metrics.inputs import UnitImage
    from ebb_train.models.perceptual import LpipsNetwork, Net

TRUNKS: Mapping[Net, str] = {"alex": "alexnet", "vgg": "vgg16"}
"""Names of the trunks in :data:`ebb.weights.WEIGHTS`; their linear weights: ``lpips-alex``, ``lpips-vgg``."""

SMALLEST: Mapping[Net, int] = {"alex": 31, "vgg": 16}
"""Smallest side for which the last layer has an output."""


@dataclass(frozen=True)
class Missing:
    """A metric that cannot be computed; false, and a dash in tables."""

    reason: str
    """The reason, and what to do about it."""

    def __bool__(self) -> Literal[False]:
        return False

    def __str__(self) -> str:
        return "—"

    def lacks(self, side: int) -> str:  # noqa: ARG002 - as that of Lpips
        """Why there is no number of pictures whose shorter side is so long."""
        return self.reason


@dataclass(frozen=True, kw_only=True)
class Lpips:
    """LPIPS v0.1 with its weights."""

    net: Net
    network: LpipsNetwork
    weights: str
    """Names and first hash digits of the two files."""

    def __str__(self) -> str:
        return f"v0.1, {TRUNKS[self.net]}, [-1, 1] inside, float32; weights {self.weights}"

    def lacks(self, side: int) -> str:
        """Why there is no number of pictures whose shorter side is so long; empty if there is one."""
        return "" if side >= SMALLEST[self.net] else f"requires at least {SMALLEST[self.net]} pixels per side"

    def distance(self, preds: UnitImage, target: UnitImage) -> float:
        """Distance of two pictures (H, W, 3) in [0, 1]; 0: equal."""
        import torch

        with torch.inference_mode():
            return float(self.network(_tensor(preds), _tensor(target)))

    def spatial(self, preds: UnitImage, target: UnitImage) -> NDArray[np.float32]:
        """The same at every pixel, (H, W)."""
        import torch

        with torch.inference_mode():
            return np.asarray(self.network.spatial(_tensor(preds), _tensor(target))[0].cpu().numpy())


def find_lpips(net: Net = "alex", trunk: Path | None = None, linear: Path | None = None) -> Lpips | Missing:
    """LPIPS, or the reason why there is none: weights that are not here, or no PyTorch.

    Args:
        net: Which trunk.
        trunk: Its weights file; None: the environment variable's or the downloaded one.
        linear: The file of linear weights; None: likewise.

    Raises:
        InvalidInput: a file is damaged, or holds other weights.
    """
    try:
        return load_lpips(net, find_weights(TRUNKS[net], trunk), find_weights(f"lpips-{net}", linear))
    except MissingDependency as error:
        return Missing(f"{error.message} ({error.hint})" if error.hint else error.message)


def load_lpips(net: Net, trunk: Path, linear: Path) -> Lpips:
    """Build LPIPS from its two files; the trunk's classifier is left out.

    Args:
        net: Which trunk.
        trunk: torchvision's file.
        linear: The authors' file.

    Raises:
        MissingDependency: PyTorch is not installed.
        InvalidInput: a file is not there, or holds other weights.
    """
    optional.torch()
    from ebb_train.models.perceptual import LpipsNetwork

    network = LpipsNetwork(net)
    features = load_state(trunk, f"fetch it with: ebb weights download {TRUNKS[net]}")
    weights = load_state(linear, f"fetch it with: ebb weights download lpips-{net}")
    features = {name: values for name, values in features.items() if not name.startswith("classifier.")}
    _fill(network.features, features, "features.{}", trunk)
    _fill(network.linear, weights, "lin{}.model.1.weight", linear)
    files = (f"{path.name} {sha256_file(path)[:8]}" for path in (trunk, linear))
    return Lpips(net=net, network=network, weights=", ".join(files))


def _fill(part: nn.Module, state: Mapping[str, Tensor], names: str, path: Path) -> None:
    """Load a state dict into a part of the network, strictly."""
    from ebb_train.models.weights import check_shapes

    wanted = {names.format(name): values for name, values in part.state_dict().items()}
    check_shapes(shapes(state), shapes(wanted), path)
    found = matched_state(state, wanted, path)
    part.load_state_dict({name: found[names.format(name)] for name in part.state_dict()}, strict=True)


def _tensor(picture: UnitImage) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32))
