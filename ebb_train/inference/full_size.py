"""Inference of networks whose input has the photo's size: padded by reflection, cropped to size again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch  # noqa: TID253 - only imported when a network runs
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor  # noqa: TID253

from ebb.errors import InvalidInput
from ebb.pytorch import as_memory_error
from ebb_train.data.dataset import unit_range
from ebb_train.data.planes import position_planes
from ebb_train.data.reduced import resize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Rgb8
    from ebb_train.networks.photo_network import PhotoNetwork
    from ebb_train.networks.spec import NetworkSpec


def render_at_full_size(
    network: PhotoNetwork, wide: Rgb8, depth: Gray8 | None, f_number: float | None = None
) -> NDArray[np.float32]:
    """Give the network's picture of a photo of any size and aspect.

    Args:
        network: On any device, in any floating-point type.
        wide: (H, W, 3), sRGB-encoded, 0…255.
        depth: (h, w) of any size, the photo's field of view, 0…255; not looked at by a network without it.
        f_number: Of the picture; not looked at by a network without it.

    Returns:
        (H, W, 3), float32, clipped to [0, 1].

    Raises:
        InvalidInput: the photo is below 2 x 2 pixels, or something that the network takes is missing.
        MemoryError: there is not enough memory.
    """
    height, width = wide.shape[:2]
    _check(network, height, width, f_number, has_depth=depth is not None)
    planes = torch.from_numpy(np.ascontiguousarray(wide)).permute(2, 0, 1)[None]
    map_: Tensor | None = None
    if depth is not None and network.in_channels == 4:
        # a stored map covers pairs of pixels: an odd last row or column has none
        covered = resize(depth, 2 * (height // 2), 2 * (width // 2))
        map_ = torch.from_numpy(np.pad(covered, ((0, height % 2), (0, width % 2)), mode="edge"))[None, None]
    joined = unit_range(planes if map_ is None else torch.cat([planes, map_], dim=1))
    picture = _run(network, joined, f_number)[0].permute(1, 2, 0)
    return np.ascontiguousarray(picture.cpu().numpy())


def render_floats_at_full_size(
    network: PhotoNetwork, photo: Tensor, depth: Tensor | None, f_number: float | None = None
) -> Tensor:
    """Render a batch of photos: as :func:`render_at_full_size`, without rounding depth.

    Args:
        network: On any device, in any floating-point type.
        photo: (N, 3, H, W) in [0, 1], sRGB-encoded, on any device.
        depth: (N, 1, h, w) of any size, the photo's field of view, in [0, 1].
        f_number: Of the pictures.

    Returns:
        (N, 3, H, W), float32 in [0, 1], on the network's device.

    Raises:
        InvalidInput: as :func:`render_at_full_size`.
        MemoryError: there is not enough memory.
    """
    height, width = photo.shape[2:]
    _check(network, height, width, f_number, has_depth=depth is not None)
    joined = photo.to(torch.float32)
    if depth is not None and network.in_channels == 4:
        enlarged = depth.to(torch.float32)
        if depth.shape[2:] != photo.shape[2:]:
            size = (int(photo.shape[2]), int(photo.shape[3]))
            enlarged = F.interpolate(enlarged, size, mode="bicubic", antialias=True, align_corners=False)
        joined = torch.cat([joined, enlarged.clamp(0, 1)], dim=1)
    return _run(network, joined, f_number)


def _check(
    network: PhotoNetwork, height: int, width: int, f_number: float | None, *, has_depth: bool
) -> None:
    name, planes = network.spec.name, network.spec.planes
    if min(height, width) < 2:
        raise InvalidInput(f"a photo of {width} x {height} pixels", hint="at least 2 x 2")
    if "depth" in planes and not has_depth:
        raise InvalidInput(f"{name} takes depth, and there is none", hint="make a map with: ebb depth")
    if "strength" in planes and f_number is None:
        raise InvalidInput(f"{name} takes the f-number of the picture, and there is none")


def _run(network: PhotoNetwork, joined: Tensor, f_number: float | None) -> Tensor:
    """(N, 3 or 4, H, W) in [0, 1] → (N, 3, H, W)."""
    height, width = joined.shape[2:]
    weight = next(network.parameters())
    extra: dict[str, Tensor] = {}
    if "position" in network.spec.planes:
        places = torch.from_numpy(position_planes(height, width)).permute(2, 0, 1)[None]
        extra["position"] = _mirrored(places, network).expand(len(joined), -1, -1, -1)
    if "strength" in network.spec.planes and f_number is not None:
        strength = network.spec.reference_f_number / f_number
        extra["strength"] = torch.full((len(joined), 1), strength)
    with as_memory_error(f"a photo of {width} x {height}"), torch.inference_mode(), _evaluating(network):
        planes = {name: plane.to(weight.device, weight.dtype) for name, plane in extra.items()}
        picture = network(_mirrored(joined, network).to(weight.device, weight.dtype), **planes)
        return picture.float().clamp(0, 1)[..., :height, :width].clone()  # type: ignore[no-any-return]


@contextmanager
def _evaluating(network: PhotoNetwork) -> Iterator[None]:
    """Evaluation mode, also of a network in training that is validated."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)


def padded_side(length: int, spec: NetworkSpec) -> int:
    """Height or width of the network's input for that of a photo."""
    return -(-max(length, spec.smallest_side) // spec.multiple) * spec.multiple


def _mirrored(planes: Tensor, network: PhotoNetwork) -> Tensor:
    """Mirror at the bottom and the right, edge pixels repeated, up to what the network takes."""
    for dim in (2, 3):
        inner = planes.shape[dim]
        size = padded_side(inner, network.spec)
        places = torch.arange(size, device=planes.device) % (2 * inner)
        places = torch.where(places < inner, places, 2 * inner - 1 - places)
        planes = planes.index_select(dim, places)
    return planes
