"""Repair of layered renders of any size with a trained network.

The network works at a reduced size, at which blur radius and errors of depth are as in training: half the
size of a photo of 1024 x 1536 pixels. Its corrections are enlarged and applied at the photo's size, so that
what is in focus keeps the photo's detail.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import MissingDependency, UsageError
from ebb_train import optional
from ebb_train.lens.band import LIMIT_PX
from ebb_train.models.repair import OFFSETS, SHARES, SIZE_MULTIPLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb_train.lens.network import RepairNet
    from ebb_train.pixels import Floats

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


def repair(
    photo: Floats, layered: Floats, coc_px: NDArray[np.float32], network: RepairNet | None = None
) -> Floats:
    """Repair a layered render near the edges of its depth.

    Args:
        photo: (H, W, 3), sRGB-encoded, in [0, 1], in focus everywhere.
        layered: (H, W, 3), likewise: the photo rendered with ``coc_px``.
        coc_px: (H, W), signed blur diameter in pixels, negative in front of the plane of focus.
        network: Trained network; None: the one in the package.

    Returns:
        (H, W, 3), sRGB-encoded, in [0, 1]. Pixels away from depth edges are those of ``layered``, bit for
        bit, and if no pixel is blurred the result is a copy of the photo.

    Raises:
        UsageError: the shapes do not match, or a blur diameter is not finite.
        MissingDependency: no network is given and the package has none, or PyTorch is not installed.
    """
    _check(photo, layered, coc_px)
    if not coc_px.any():
        return photo.copy()
    factor = working_factor(coc_px)
    small = (_reduce(array, factor) for array in (photo, layered, coc_px / np.float32(factor)))
    maps = _corrections(network or packaged_network(), *small)
    return _apply(photo, layered, maps, factor)


def working_factor(coc_px: NDArray[np.float32]) -> int:
    """Reduction at which neither the largest blur radius nor the number of pixels exceeds its limit."""
    radius = float(np.abs(coc_px).max()) / 2
    return max(1, math.ceil(radius / LIMIT_PX), math.ceil(math.sqrt(coc_px.size / LARGEST_PIXELS)))


def _check(photo: Floats, layered: Floats, coc_px: NDArray[np.float32]) -> None:
    shape = (*coc_px.shape, 3)
    if coc_px.ndim != 2 or photo.shape != shape or layered.shape != shape:
        raise UsageError(
            f"photo {photo.shape}, layered render {layered.shape} and circles of confusion {coc_px.shape} "
            "must have the same height and width"
        )
    if not np.isfinite(coc_px).all():
        raise UsageError("circles of confusion must be finite")


def _apply(photo: Floats, layered: Floats, maps: NDArray[np.float32], factor: int) -> Floats:
    """Add corrections (21, h, w), made at a size reduced by a factor, to the pixels that they concern."""
    result = np.array(layered, np.float32)
    shape = result.shape[:2]
    weight = _enlarge(maps[3], factor, shape)
    changed = np.flatnonzero(weight)
    if not len(changed):
        return result
    reach = factor * max(max(abs(dy), abs(dx)) for dy, dx in OFFSETS)
    framed = np.pad(result, ((reach, reach), (reach, reach), (0, 0)), mode="edge").reshape(-1, 3)
    stride = shape[1] + 2 * reach
    places = (changed // shape[1] + reach) * stride + changed % shape[1] + reach
    values = (1 - weight.ravel()[changed])[:, None] * framed[places]
    for k in range(3):
        values[:, k] += _enlarge(maps[k], factor, shape).ravel()[changed]
    for k in range(SHARES):
        share = _enlarge(maps[4 + k], factor, shape).ravel()[changed, None]
        if k == 0:
            values += share * photo.reshape(-1, 3)[changed]
        else:
            dy, dx = OFFSETS[k - 1]
            values += share * framed[places + factor * (dy * stride + dx)]
    result.reshape(-1, 3)[changed] = np.clip(values, 0, 1)
    return result


def _corrections(
    network: RepairNet, photo: Floats, layered: Floats, coc: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Weighted residual (3), weight (1) and weighted shares (17) at the working size, (21, h, w)."""
    torch = optional.torch()
    from ebb_train.lens.batches import input_planes

    height, width = coc.shape
    padding = ((0, 0), (0, -height % SIZE_MULTIPLE), (0, -width % SIZE_MULTIPLE))
    planes = np.pad(input_planes(photo, layered, coc), padding, mode="edge")
    with torch.inference_mode():
        block = torch.from_numpy(planes[None])
        found = network(block)
        weight = found.weight * block[:, 7:8]
        maps = torch.cat([found.residual * weight, weight, found.shares * weight], 1)
    return np.ascontiguousarray(maps[0, :, :height, :width].numpy())


def _reduce(array: Floats, factor: int) -> Floats:
    """Mean over squares of ``factor`` pixels; the last rows and columns are repeated to complete them."""
    import cv2

    if factor == 1:
        return np.asarray(array, np.float32)
    height, width = array.shape[:2]
    padded = cv2.copyMakeBorder(array, 0, -height % factor, 0, -width % factor, cv2.BORDER_REPLICATE)
    size = (padded.shape[1] // factor, padded.shape[0] // factor)
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), np.float32)


def _enlarge(plane: NDArray[np.float32], factor: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Enlarge a plane bilinearly to the size before :func:`_reduce`."""
    import cv2

    if factor == 1:
        return plane
    size = (plane.shape[1] * factor, plane.shape[0] * factor)
    larger = cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(larger, np.float32)[: shape[0], : shape[1]]
