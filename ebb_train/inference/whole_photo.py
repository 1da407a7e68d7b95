"""Inference on whole photos: halved as in training, padded by reflection, cropped to size again.

Validation, evaluation and rendering all use this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch  # noqa: TID253 - only imported when a network runs

from ebb.errors import InvalidInput
from ebb.pytorch import as_memory_error
from ebb_train.data.dataset import unit_range
from ebb_train.data.reduced import resize
from ebb_train.inference.full_size import render_at_full_size
from ebb_train.models.pynet import SIZE_MULTIPLE
from ebb_train.networks.photo_network import PhotoNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Rgb8
    from ebb_train.models.inference_graph import InferenceGraph
    from ebb_train.models.network import PyNet


def render_full_image(
    network: PyNet | InferenceGraph | PhotoNetwork,
    wide: Rgb8,
    depth: Gray8 | None,
    f_number: float | None = None,
) -> NDArray[np.float32]:
    """Give the network's picture of a photo of any size and aspect.

    Args:
        network: On any device, in any floating-point type.
        wide: (H, W, 3), sRGB-encoded, 0…255, at its stored size.
        depth: (h, w) of any size, the photo's field of view, 0…255; not looked at by a network without it.
        f_number: Of the picture; not looked at by a network without it.

    Returns:
        (H, W, 3), float32, clipped to [0, 1]. A PyNET of level L > 1 gives H and W over 2^(L - 1), rounded
        down.

    Raises:
        InvalidInput: the photo is below 2 x 2 pixels, or something that the network takes is missing.
        MemoryError: there is not enough memory.
    """
    if isinstance(network, PhotoNetwork):
        return render_at_full_size(network, wide, depth, f_number)
    photo = pad(halve(wide, depth, network.config.in_channels), *wide.shape[:2])
    weight = next(network.parameters())
    with as_memory_error(f"a photo of {wide.shape[1]} x {wide.shape[0]}"), torch.inference_mode():
        planes = unit_range(torch.from_numpy(photo).to(weight.device).permute(2, 0, 1)[None])
        picture = network(planes.to(weight.dtype))[0].float().clamp(0, 1).permute(1, 2, 0)
        height, width = picture_size(network.config.level, *wide.shape[:2])
        return np.ascontiguousarray(picture[:height, :width].cpu().numpy())


def halve(wide: Rgb8, depth: Gray8 | None, in_channels: int) -> Rgb8:
    """Make the network's input as a training sample is made: an odd last row or column is left out.

    The authors resample 1591 pixels to 795, which stretches the input against the photo, by a pixel at its
    right end; ours lies where the photo does (``benchmarks/accuracy.py``, ``odd_width``).

    Args:
        wide: (H, W, 3), 0…255.
        depth: (h, w), 0…255; brought to half the photo's size.
        in_channels: 4: RGB and depth. 3: RGB alone.

    Returns:
        (H / 2, W / 2, in_channels), 0…255, sizes rounded down.

    Raises:
        InvalidInput: the photo is below 2 x 2 pixels, or depth is wanted and there is none.
    """
    height, width = (length // 2 for length in wide.shape[:2])
    if not height * width:
        raise InvalidInput(f"a photo of {wide.shape[1]} x {wide.shape[0]} pixels", hint="at least 2 x 2")
    photo = resize(wide[: 2 * height, : 2 * width], height, width)
    if in_channels == 3:
        return photo
    if depth is None:
        raise InvalidInput("the network takes depth, and there is none", hint="make a map with: ebb depth")
    return np.dstack([photo, resize(depth, height, width)])


def pad(photo: Rgb8, height: int, width: int) -> Rgb8:
    """Mirror an input at the bottom and the right until the network takes it.

    The edge pixels are repeated, so that input and picture mirror about the same line. The mirrored part
    counts in the statistics of instance normalization: without it they would be further from those of a photo
    that goes on (``benchmarks/accuracy.py``, ``padding``).

    Args:
        photo: (h, w, channels), the halved photo.
        height: Of the photo before it was halved: where odd, its last row needs a place too.
        width: As well.

    Returns:
        (h', w', channels): the least multiples of 32 that hold half the photo, rounded up.
    """
    sizes = (-(-length // (2 * SIZE_MULTIPLE)) * SIZE_MULTIPLE for length in (height, width))
    margins = [(0, size - length) for size, length in zip(sizes, photo.shape[:2], strict=True)]
    return np.pad(photo, [*margins, (0, 0)], mode="symmetric")


def picture_size(level: int, height: int, width: int) -> tuple[int, int]:
    """Height and width of the picture that a network of ``level`` gives of a photo of this size."""
    return max(1, height >> (level - 1)), max(1, width >> (level - 1))
