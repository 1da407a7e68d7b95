"""Pictures by a PyNET with adjustable strength: one for each f-number."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch  # noqa: TID253 - only imported when a network runs

from ebb.bokeh.focus import estimate_focus
from ebb.errors import UsageError
from ebb_train import optional
from ebb_train.inference.lens_pictures import as_shown
from ebb_train.inference.network_pictures import run_on_photo
from ebb_train.inference.pictures import Pictures
from ebb_train.models.strength import anchored, load_strength
from ebb_train.models.weights import STRENGTH_NETWORK, network_in
from ebb_train.models.weights_path import weights_path
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from ebb.arrays import Rgb8
    from ebb.one_photo import DepthOf, OnePhoto
    from ebb_train.inference.lens_settings import LensSettings
    from ebb_train.models.network import PyNet
    from ebb_train.models.strength import StrengthNet
    from ebb_train.pixels import Floats


class StrengthPictures:
    """Renders photos with a network and depth at several strengths.

    Args:
        network: On its device.
        lens: ``f_numbers`` and ``strength`` of it.
        depth: The source of depth; None for a network without it.

    Raises:
        UsageError: an aperture is larger than in training.
    """

    def __init__(self, network: StrengthNet, lens: LensSettings, depth: DepthOf | None) -> None:
        if lens.strength > 1:
            hint = "a number from 0 to 1"
            raise UsageError(f"--strength {lens.strength:g}: no network was trained for it", hint=hint)
        self._network, self._depth = network, depth
        config = network.strength_config
        self._strengths = [lens.strength * config.strength_of(number) for number in lens.f_numbers]

    def __call__(self, photo: OnePhoto) -> Pictures:
        """See :class:`~ebb_train.inference.pictures.PictureMaker`; at strength 0, the photo itself."""
        depth = self._depth(photo) if self._depth is not None else None
        made = [self._picture(photo.small, depth, strength) for strength in self._strengths]
        return Pictures(tuple(as_shown(photo, picture) for picture in made))

    def _picture(self, small: Rgb8, depth: NDArray[np.uint8] | None, strength: float) -> Floats | None:
        if strength == 0:
            return None
        network = AtStrength(self._network, strength, estimate_focus(depth) if depth is not None else 0.0)
        picture = run_on_photo(cast("PyNet", network), small, depth)
        before, after = torch.from_numpy(to_unit(small)), torch.from_numpy(picture)
        return np.asarray(anchored(before, after, strength).numpy(), np.float32)


class AtStrength(torch.nn.Module):
    """The network at one strength and focus, with the interface of the network that it was made from."""

    def __init__(self, network: StrengthNet, strength: float, focus: float) -> None:
        super().__init__()
        self.network, self.config = network, network.config
        self._strength, self._focus = strength, focus

    def forward(self, photo: Tensor) -> Tensor:
        """Map (N, 3 or 4, H, W) to the picture of the network's level."""
        given = [photo.new_full((len(photo),), value) for value in (self._strength, self._focus)]
        picture: Tensor = self.network(photo, *given)
        return picture


def has_strength(checkpoint: Path) -> bool:
    """Whether a weights file is of a network with adjustable strength."""
    return network_in(weights_path(checkpoint)) == STRENGTH_NETWORK


def load_strength_network(checkpoint: Path, device: str) -> StrengthNet:
    """The network of a weights file, on its device.

    Raises:
        UsageError: there is no such device.
        InvalidInput: a damaged file.
        MissingDependency: safetensors or PyTorch is not installed.
    """
    optional.safetensors()
    from ebb.pytorch import to_device, torch_device

    return to_device(load_strength(weights_path(checkpoint)), torch_device(device))
