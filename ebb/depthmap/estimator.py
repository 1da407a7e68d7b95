"""Depth estimation with third-party networks: preparation of the input and conversion of the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from ebb.arrays import Size
from ebb.depthmap.encoding import (
    check_finite,
    half_of,
    inverse_depth_from_distance,
    inverse_depth_from_log,
    resample_depth,
)
from ebb.errors import Reason, Rejected
from ebb.geometry.pixel_grid import resize_homography
from ebb.pytorch import is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from PIL.Image import Resampling

    from ebb.arrays import InverseDepth, Rgb8
    from ebb.normalisation import Normalisation

OutputKind: TypeAlias = Literal["inverse", "distance", "log_distance"]

Network: TypeAlias = "Callable[[NDArray[np.float32]], NDArray[np.float32]]"
"""(N, 3, H, W), normalised colours → (N, h, w), one value per pixel; h x w covers the same frame as H x W."""

ASPECT_TOLERANCE = 0.01
"""Largest relative difference between the aspect ratios of a network's output and input."""


@dataclass(frozen=True)
class InputSize:
    """Size at which a network receives a photo."""

    box: Size | None
    """None: the size of the photo."""
    keep_aspect: bool = True
    """Scale both sides by the same factor, the one of the two that is closer to 1; otherwise fill the box.

    This is the rule of the DPT and Depth Anything models: the shorter side of a photo that is larger than a
    square box becomes as long as the box."""
    multiple: int = 1
    """Both sides are multiples of this: the nearest ones, or, without a box, the next smaller ones."""

    def of(self, photo: Size) -> Size:
        """Size at which the network receives a photo."""
        if self.box is None:
            return Size(*(max(side // self.multiple, 1) * self.multiple for side in photo))
        scale_x, scale_y = self.box.width / photo.width, self.box.height / photo.height
        if self.keep_aspect:
            scale_x = scale_y = min(scale_y, scale_x, key=lambda scale: abs(1 - scale))
        return Size(self._round(scale_x * photo.width), self._round(scale_y * photo.height))

    def _round(self, side: float) -> int:
        return max(round(side / self.multiple), 1) * self.multiple


@dataclass(kw_only=True)
class Estimator:
    """A depth provider around any network; see :class:`ebb.depthmap.from_network.DepthProvider`."""

    name: str
    network: Network
    size: InputSize
    normalisation: Normalisation
    output: OutputKind
    filter: Resampling | int = 3
    """Filter for scaling photos, with antialiasing: 2 is bilinear, 3 bicubic."""

    def __call__(self, rgb: Rgb8) -> InverseDepth:
        """Inverse depth of one photo (height, width, 3), at exactly half its size, rounded down.

        Raises:
            Rejected: ``too_small`` or ``bad_depth``.
        """
        return self.predict([rgb])[0]

    def predict(self, photos: Sequence[Rgb8]) -> list[InverseDepth]:
        """Inverse depth of photos of equal size, in their order."""
        photo = Size(photos[0].shape[1], photos[0].shape[0])
        half, fed = half_of(photo), self.size.of(photo)
        batch = np.stack([prepare(rgb, fed, self.normalisation, self.filter) for rgb in photos])
        return [to_half_size(to_inverse_depth(one, fed, self.output), half) for one in self.network(batch)]


def not_taken(shape: tuple[int, ...], error: Exception) -> MemoryError | Rejected:
    """Error for a network that fails on an input of that shape."""
    reason = str(error).partition("\n")[0]
    if is_out_of_memory(error):
        return MemoryError(reason)
    message = f"the network cannot take an input of shape {shape}: {reason}"
    return Rejected(Reason.BAD_DEPTH, f"{message}; see --model-size, --model-multiple")


def prepare(
    rgb: Rgb8, size: Size, normalisation: Normalisation, filter_: Resampling | int
) -> NDArray[np.float32]:
    """Scale a photo (height, width, 3) and normalise its colours.

    Returns:
        (3, size.height, size.width): (colour / 255 − mean) / std.
    """
    from PIL import Image

    scaled = Image.fromarray(rgb).resize(size, Image.Resampling(filter_))
    mean, std = (np.asarray(three, np.float32) for three in normalisation)
    colours = (np.asarray(scaled, np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(colours.transpose(2, 0, 1))


def to_inverse_depth(output: NDArray[np.floating], fed: Size, kind: OutputKind) -> InverseDepth:
    """Convert a network's output for one photo to inverse depth of the same shape.

    Raises:
        Rejected: ``bad_depth`` if it has a different aspect ratio than the input, is not finite or constant,
            or contains invalid distances.
    """
    height, width = output.shape
    expected = height * fed.width / fed.height
    if abs(width - expected) > max(ASPECT_TOLERANCE * expected, 1.0):
        message = f"the network gave a {width} x {height} map for an input of {fed.width} x {fed.height}"
        raise Rejected(Reason.BAD_DEPTH, f"{message}: different aspect ratios")
    check_finite(output)
    if output.min() == output.max():
        raise Rejected(Reason.BAD_DEPTH, "the network gave the same depth everywhere")
    if kind == "distance":
        return inverse_depth_from_distance(output)
    if kind == "log_distance":
        return inverse_depth_from_log(output)
    return output.astype(np.float32, copy=False)


def to_half_size(inverse_depth: InverseDepth, half: Size) -> InverseDepth:
    """Scale a map (height, width) to a size that covers the same frame."""
    height, width = inverse_depth.shape
    return resample_depth(inverse_depth, resize_homography((width / half.width, height / half.height)), half)
