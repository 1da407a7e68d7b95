"""The trained network to export: its weights, their origin, and its pictures in PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import UsageError
from ebb.files import sha256_file
from ebb_train import optional
from ebb_train.models.weights import About, Tensors, pynet_config, read_weights
from ebb_train.models.weights_path import weights_path

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ebb_train.models.pynet import PyNetConfig


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """Content of a weights file."""

    path: Path
    sha256: str
    tensors: Tensors
    config: PyNetConfig
    about: About

    def level(self, wanted: int | None) -> int:
        """The level to export: the wanted one, or the last level of the network.

        Raises:
            UsageError: the network does not have this level.
        """
        if wanted is None:
            return self.config.level
        if wanted < self.config.level:
            message = f"--level {wanted}: the checkpoint ends at level {self.config.level}"
            raise UsageError(message, path=self.path)
        return wanted

    def origin(self) -> dict[str, str]:
        """Origin of the weights, for notes and cards."""
        return origin(self.path, self.about, self.sha256)

    def picture(self, photo: NDArray[np.float32], level: int, *, clip: bool) -> NDArray[np.float32]:
        """Output of PyTorch for an input.

        Args:
            photo: (1, h, w, 3 or 4) in [0, 1].
            level: Level whose picture is returned.
            clip: Clip it to [0, 1], as in the file that it is compared with.

        Returns:
            (1, h', w', 3).

        Raises:
            MissingDependency: PyTorch is not installed.
        """
        torch = optional.torch()
        from ebb_train.models.network import network_of

        network = network_of(self.tensors, self.config)
        with torch.inference_mode():
            pictures = network.pictures(torch.from_numpy(photo).permute(0, 3, 1, 2), (level,))
            picture = pictures[level].clamp(0, 1) if clip else pictures[level]
            return np.ascontiguousarray(picture.permute(0, 2, 3, 1).numpy())


def origin(path: Path, about: About, sha256: str = "") -> dict[str, str]:
    """Origin of weights, for notes and cards.

    Args:
        path: Their file.
        about: Its note.
        sha256: Of the file; empty: it is hashed.
    """
    return {
        "file": path.name,
        "sha256": sha256 or sha256_file(path),
        "source": about.source,
        "licence": about.licence,
    }


def read_trained(path: Path) -> TrainedNetwork:
    """Read the weights of a PyNET.

    Args:
        path: The file, or a run folder of ``ebb-train fit`` (its best weights).

    Raises:
        InvalidInput: the file is not a weights file, is damaged, or belongs to another network.
        MissingDependency: safetensors is not installed.
    """
    path = weights_path(path)
    tensors, about = read_weights(path)
    config = pynet_config(tensors, about, path)
    return TrainedNetwork(path=path, sha256=sha256_file(path), tensors=tensors, config=config, about=about)
