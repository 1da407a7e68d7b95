"""Pictures by a trained network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.errors import InvalidInput, Reason, Rejected, UsageError
from ebb.one_photo import DepthOf
from ebb_train.inference.guided_upsampling import guided_upsample
from ebb_train.inference.network import load_network
from ebb_train.inference.pictures import Pictures
from ebb_train.models.weights_path import weights_path
from ebb_train.networks.files import takes_depth, takes_f_number
from ebb_train.pixels import enlarge, from_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ebb.arrays import Rgb8
    from ebb.one_photo import OnePhoto
    from ebb.settings import DepthSettings
    from ebb_train.networks.files import AnyNetwork

DEPTH_HINT = "--depth FILE, or --provider sidecar with PHOTO_depth.png beside the photo"
"""How to give a photo depth without a network."""


class NetworkPictures:
    """Renders photos with a network, and depth if it takes any.

    Args:
        network: The network, on its device.
        depth: The source of depth; None for a network without it.
        f_numbers: Of the pictures; a network that does not take them makes one picture.
    """

    def __init__(self, network: AnyNetwork, depth: DepthOf | None, f_numbers: Sequence[float] = ()) -> None:
        self._network, self._depth, self._f_numbers = network, depth, f_numbers

    def __call__(self, photo: OnePhoto) -> Pictures:
        """See :class:`~ebb_train.inference.pictures.PictureMaker`."""
        depth = self._depth(photo) if self._depth is not None else None
        f_numbers = self._f_numbers if takes_f_number(self._network) else (None,)
        return Pictures(tuple(self._picture(photo, depth, f_number) for f_number in f_numbers))

    def _picture(self, photo: OnePhoto, depth: NDArray[np.uint8] | None, f_number: float | None) -> Rgb8:
        picture = run_on_photo(self._network, photo.small, depth, f_number)
        if photo.full is not None and photo.full.shape != photo.small.shape:
            return guided_upsample(photo.full, photo.small, picture)
        return from_unit(picture)


def load_for_rendering(
    checkpoint: Path, device: str, note: Callable[[str], None], *, is_fast: bool
) -> AnyNetwork:
    """The network; of PyNET its inference graph, if that is asked for and runs on the device.

    Raises:
        UsageError: the inference graph of another network is asked for, or as :func:`load_network`.
    """
    from ebb_train.models.network import PyNet

    network = load_network(checkpoint, device)
    if not isinstance(network, PyNet):
        if is_fast:
            message = f"--fast is for PyNET, and these are weights of {network.spec.name}"
            raise UsageError(message, path=weights_path(checkpoint), hint="leave it away")
        return network
    if network.config.level > 1:
        smaller = 2 ** (network.config.level - 1)
        path = weights_path(checkpoint)
        note(f"{path}: ends at level {network.config.level}; its pictures are enlarged {smaller} times")
    if is_fast and next(network.parameters()).device.type == "cpu":
        from ebb_train.models.inference_graph import InferenceGraph

        return InferenceGraph(network)
    return network


def depth_for(
    network: AnyNetwork, settings: DepthSettings, depth_file: Path | None, checkpoint: Path
) -> DepthOf | None:
    """The source of depth; None for a network without it.

    Raises:
        UsageError: there is no such provider, or it gives no depth.
        MissingDependency: its weights or packages are not there.
    """
    if not takes_depth(network):
        return None
    if settings.provider == "none" and depth_file is None:
        path, hint = weights_path(checkpoint), f"{DEPTH_HINT}, or --provider megadepth"
        raise UsageError("the network takes depth, and --provider none gives none", path=path, hint=hint)
    return DepthOf(settings, depth_file, instead=DEPTH_HINT)


def run_on_photo(
    network: AnyNetwork, small: Rgb8, depth: NDArray[np.uint8] | None, f_number: float | None = None
) -> NDArray[np.float32]:
    """The network's picture at the size of ``small``, also if the network ends above level 1.

    Raises:
        Rejected: ``too_small``: the photo is below 2 x 2 pixels.
        MemoryError: there is not enough memory.
    """
    from ebb_train.inference.whole_photo import render_full_image

    try:
        picture = render_full_image(network, small, depth, f_number)
    except InvalidInput as error:
        raise Rejected(Reason.TOO_SMALL, error.message) from error
    return enlarge(picture, small.shape)
