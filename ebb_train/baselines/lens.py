"""The layered renderer with depth whose edges the network in the package has moved to those of the photo.

What it does beyond :mod:`ebb_train.baselines.layered` is the repair: the difference of the two models in
quality, time and memory is what the network gives and costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebb.files import sha256_file
from ebb_train.baselines import layered
from ebb_train.baselines.model import Cost
from ebb_train.lens.repair import packaged_network, packaged_weights, repair_depth, working_factor
from ebb_train.models.repair import SIZE_MULTIPLE, repair_layers

if TYPE_CHECKING:
    from ebb.arrays import InverseDepth, Rgb8, Size
    from ebb.progress import Progress
    from ebb_train.baselines.model import TrainPairs


class LayeredLens(layered.Layered):
    """The layered renderer behind the repair of depth."""

    name = "lens"

    @staticmethod
    def repair(photo: Rgb8, depth: InverseDepth) -> InverseDepth:
        """Move the edges of the depth, with the network in the package."""
        return repair_depth(photo, depth)

    def metadata(self) -> dict[str, Any]:
        """As of the layered renderer, and the SHA-256 of the weights."""
        path = packaged_weights()
        return super().metadata() | {"weights": None if path is None else sha256_file(path)}

    def cost(self, size: Size) -> Cost:
        """Parameters of the network and the renderer; multiply-adds of the network alone."""
        network = packaged_network()
        pixels = size.width * size.height / working_factor(size.width * size.height) ** 2
        layers = repair_layers(network.config, SIZE_MULTIPLE, SIZE_MULTIPLE)
        a_pixel = sum(layer.multiply_adds for layer in layers) / SIZE_MULTIPLE**2
        values = sum(parameter.numel() for parameter in network.parameters())
        return Cost(values + super().cost(size).parameters, int(pixels * a_pixel))


def build(train: TrainPairs, progress: Progress) -> layered.Layered:
    """Calibrate as the layered renderer.

    Raises:
        MissingDependency: this version has no weights, or PyTorch or safetensors is not installed.
    """
    packaged_network()
    return layered.build(train, progress, LayeredLens)
