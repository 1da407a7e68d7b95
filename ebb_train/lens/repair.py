"""Repair of a photo's depth map of any size with a trained network.

The network works at a reduced size, at which errors of depth are as in training: half the size of a photo of
1024 x 1536 pixels. The changes of the shares are enlarged and added to those at the photo's size, so that
edges that were right stay as they are.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from ebb.errors import MissingDependency, UsageError
from ebb_train import optional
from ebb_train.lens.planes import edge_maps, input_planes
from ebb_train.models.repair import SIZE_MULTIPLE
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Rgb8
    from ebb_train.lens.network import RepairNet
    from ebb_train.lens.planes import EdgeMaps
    from ebb_train.models.repair import RepairConfig

Number = TypeVar("Number", np.uint8, np.float32)

WEIGHTS_FILE = "lens.safetensors"
"""Name of the packaged weights, beside this module."""
LARGEST_PIXELS = 640_000
"""Pixels of the largest working size. Errors of depth grow with the photo; at this size they are about those
of the training scenes."""


def packaged_weights() -> Path | None:
    """Path of the weights in the package; None if this version has none."""
    path = Path(str(files("ebb_train.lens"))) / WEIGHTS_FILE
    return path if path.is_file() else None


@cache
def packaged_network() -> RepairNet:
    """Load the network in the package; later calls return the same.

    Raises:
        MissingDependency: this version has no weights, or PyTorch or safetensors is not installed.
    """
    path = packaged_weights()
    if path is None:
        hint = "train them: python pipelines/lens_model.py"
        raise MissingDependency("this version has no weights of the lens model", hint=hint)
    optional.torch()
    from ebb_train.lens.network import load_repair

    return load_repair(path)


def repair_depth(photo: Rgb8, depth: InverseDepth, network: RepairNet | None = None) -> InverseDepth:
    """Move the edges of a depth map to those of the photo.

    Args:
        photo: (H, W, 3), sRGB, in focus everywhere.
        depth: (H, W), in [0, 1], larger is nearer.
        network: Trained network; None: the one in the package.

    Returns:
        (H, W), in [0, 1]. Values away from edges, and those at edges that the network leaves where they are,
        are those of ``depth``, bit for bit; all others lie between the lowest and the highest around them.

    Raises:
        UsageError: the shapes do not match, or the depth is not within [0, 1].
        MissingDependency: no network is given and the package has none, or PyTorch is not installed.
    """
    if depth.ndim != 2 or photo.shape != (*depth.shape, 3):
        raise UsageError(f"photo {photo.shape} and depth {depth.shape} must have the same height and width")
    if not (depth.size and depth.min() >= 0 and depth.max() <= 1):  # also what is not a number
        raise UsageError("inverse depth must be within [0, 1]")
    network = network or packaged_network()
    depth = np.asarray(depth, np.float32)
    return apply_change(depth, find_change(photo, depth, network), network.config)


class ShareChange(NamedTuple):
    """What the network finds, at the size of the photo."""

    edges: EdgeMaps
    change: NDArray[np.float32]
    """(H, W), what is to be added to the shares of the nearer surfaces; 0 away from edges."""
    factor: int
    """Reduction at which the network worked."""


def find_change(photo: Rgb8, depth: InverseDepth, network: RepairNet) -> ShareChange:
    """Run the network; arguments as for :func:`repair_depth`."""
    factor = working_factor(depth.size)
    edges = edge_maps(depth, factor)
    if not edges.is_edge.any():
        return ShareChange(edges, np.zeros_like(depth), factor)
    small = _share_change(network, to_unit(_reduce(photo, factor)), _reduce(depth, factor))
    return ShareChange(edges, np.where(edges.is_edge, _enlarge(small, factor, depth.shape), 0), factor)


def apply_change(depth: InverseDepth, found: ShareChange, config: RepairConfig) -> InverseDepth:
    """The repaired depth: shares with their change, made steep, between the surfaces of the map.

    A map of which the network changes little on average is right, and stays as it is.
    """
    edges, size = found.edges, np.abs(found.change)
    if not edges.is_edge.any() or float(size[edges.is_edge].mean()) < config.least_mean:
        return depth.copy()
    steepness, half = np.float32(found.factor * config.steepness), np.float32(0.5)
    share = np.clip((edges.share + found.change - half) * steepness + half, 0, 1)
    moved = np.clip(edges.low + share * edges.step, 0, 1)
    return np.asarray(np.where(size > config.least_change, moved, depth), np.float32)


def working_factor(pixels: int) -> int:
    """Reduction at which the number of pixels does not exceed :data:`LARGEST_PIXELS`."""
    return math.ceil(math.sqrt(pixels / LARGEST_PIXELS))


def _share_change(network: RepairNet, photo: NDArray[np.float32], depth: InverseDepth) -> NDArray[np.float32]:
    """Change of the share of each pixel at the working size."""
    torch = optional.torch()
    edges = edge_maps(depth)
    height, width = depth.shape
    padding = ((0, 0), (0, -height % SIZE_MULTIPLE), (0, -width % SIZE_MULTIPLE))
    planes = np.pad(input_planes(photo, edges), padding, mode="edge")
    with torch.inference_mode():
        share = torch.sigmoid(network(torch.from_numpy(planes[None])))[0, 0, :height, :width].numpy()
    return np.where(edges.is_edge, share - edges.share, np.float32(0))


def _reduce(array: NDArray[Number], factor: int) -> NDArray[Number]:
    """Mean over squares of ``factor`` pixels; the last rows and columns are repeated to complete them."""
    import cv2

    if factor == 1:
        return array
    height, width = array.shape[:2]
    padded = cv2.copyMakeBorder(array, 0, -height % factor, 0, -width % factor, cv2.BORDER_REPLICATE)
    size = (padded.shape[1] // factor, padded.shape[0] // factor)
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), array.dtype)


def _enlarge(plane: NDArray[np.float32], factor: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Enlarge a plane bilinearly to the size before :func:`_reduce`."""
    import cv2

    if factor == 1:
        return plane
    size = (plane.shape[1] * factor, plane.shape[0] * factor)
    larger = cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(larger, np.float32)[: shape[0], : shape[1]]
