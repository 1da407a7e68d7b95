"""Inference on whole photos in floats: as :mod:`ebb_train.inference.whole_photo`, without rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch  # noqa: TID253 - only imported when a network runs
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it

from ebb.errors import InvalidInput
from ebb.pytorch import as_memory_error
from ebb_train.inference.full_size import render_floats_at_full_size
from ebb_train.models.pynet import SIZE_MULTIPLE
from ebb_train.networks.photo_network import PhotoNetwork

if TYPE_CHECKING:
    from torch import Tensor

    from ebb_train.models.inference_graph import InferenceGraph
    from ebb_train.models.network import PyNet


def render_floats(
    network: PyNet | InferenceGraph | PhotoNetwork,
    photo: Tensor,
    depth: Tensor | None,
    f_number: float | None = None,
) -> Tensor:
    """Render a batch of photos with a PyNET of level 1, or another network.

    Args:
        network: On any device, in any floating-point type.
        photo: (N, 3, H, W) in [0, 1], sRGB-encoded, on any device.
        depth: (N, 1, h, w) of any size, the photo's field of view, in [0, 1]; None for a network without it.
        f_number: Of the pictures, for a network that takes it.

    Returns:
        (N, 3, H, W), float32 in [0, 1], on the network's device.

    Raises:
        InvalidInput: the photos are below 2 x 2 pixels, or something that the network takes is missing.
        MemoryError: there is not enough memory.
    """
    if isinstance(network, PhotoNetwork):
        return render_floats_at_full_size(network, photo, depth, f_number)
    height, width = photo.shape[2:]
    half = (height // 2, width // 2)
    if not half[0] * half[1]:
        raise InvalidInput(f"a photo of {width} x {height} pixels", hint="at least 2 x 2")
    weight = next(network.parameters())
    planes = [photo[..., : 2 * half[0], : 2 * half[1]]]
    if network.config.in_channels == 4:
        if depth is None:
            hint = "make a map with: ebb depth"
            raise InvalidInput("the network takes depth, and there is none", hint=hint)
        planes.append(depth)
    with as_memory_error(f"a photo of {width} x {height}"), torch.inference_mode():
        halves = [_resized(plane.to(weight.device, torch.float32), half) for plane in planes]
        padded = _mirrored(torch.cat(halves, dim=1), height, width)
        picture: Tensor = network(padded.to(weight.dtype)).float().clamp(0, 1)
    return picture[..., :height, :width].clone()


def _resized(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """Bicubic, the kernel stretched to the output pixel: Pillow's, in floats."""
    if planes.shape[2:] == size:
        return planes
    return F.interpolate(planes, size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)


def _mirrored(planes: Tensor, height: int, width: int) -> Tensor:
    """Mirror at the bottom and the right, edge pixels repeated, up to what the network takes."""
    for dim, length in ((2, height), (3, width)):
        size = -(-length // (2 * SIZE_MULTIPLE)) * SIZE_MULTIPLE
        inner = planes.shape[dim]
        places = torch.arange(size, device=planes.device) % (2 * inner)
        places = torch.where(places < inner, places, 2 * inner - 1 - places)
        planes = planes.index_select(dim, places)
    return planes
