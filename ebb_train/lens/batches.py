"""Batches of patches from stored scenes, random but determined by seed and step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch  # noqa: TID253 - only imported by training

from ebb_train.lens.band import LIMIT_PX, edge_band
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from ebb_train.lens.shards import LensSet, StoredRender

ON_EDGES = 0.8
"""Share of the patches that are centred on a pixel of the band."""
CHANGE_GAIN = 4
"""Factor of the difference of layered render and photo, which is small compared to the photo."""
_STRIDE = 4
"""Subsampling of the map in which such a pixel is looked for."""


class PatchBatch(NamedTuple):
    """Inputs and truth; all (N, channels, H, W), in [0, 1] except ``planes``."""

    planes: Tensor
    """9 channels, as the network takes them."""
    photo: Tensor
    """3 channels."""
    layered: Tensor
    """3 channels."""
    truth: Tensor
    """3 channels."""

    @property
    def band(self) -> Tensor:
        """1 channel."""
        return self.planes[:, 7:8]


def input_planes(
    photo: NDArray[np.float32], layered: NDArray[np.float32], coc_px: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Input of the network for one picture.

    Args:
        photo: (H, W, 3), sRGB, in [0, 1].
        layered: Likewise.
        coc_px: (H, W), signed blur diameter in pixels of the working size.

    Returns:
        (9, H, W): photo − ½ (3), 4 · (layered − photo) (3), blur radius divided by
        :data:`~ebb_train.lens.band.LIMIT_PX`, band, and the largest blur radius divided by the same.
    """
    radius = np.asarray(coc_px, np.float32)[None] / np.float32(2 * LIMIT_PX)
    first, second = (np.moveaxis(picture, -1, 0) for picture in (photo, layered))
    return _stack_planes(first, second, radius, edge_band(coc_px)[None], float(np.abs(radius).max()))


def _stack_planes(
    photo: NDArray[np.float32],
    layered: NDArray[np.float32],
    radius: NDArray[np.float32],
    band: NDArray[np.float32],
    strength: float,
) -> NDArray[np.float32]:
    """Planes of the network; all arguments are (channels, H, W)."""
    change = np.float32(CHANGE_GAIN) * (layered - photo)
    constant = np.full_like(radius, strength)
    return np.concatenate([photo - np.float32(0.5), change, radius, band, constant])


def draw_batch(source: LensSet, seed: int, step: int, batch: int, side: int) -> PatchBatch:
    """Draw the patches of a step.

    Args:
        source: Stored scenes.
        seed: Of the run.
        step: Number of the step; with the seed it determines the batch.
        batch: Number of patches.
        side: Side of the patches in pixels, a multiple of 4.
    """
    rng = np.random.default_rng([seed, step])
    drawn = [_draw_patch(source, rng, side) for _ in range(batch)]
    return PatchBatch(*(torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True)))


def _draw_patch(source: LensSet, rng: np.random.Generator, side: int) -> list[NDArray[np.float32]]:
    """Arrays of a batch for one patch, randomly mirrored, turned and with permuted colours."""
    scene, render = int(rng.integers(len(source))), int(rng.integers(source.plan.renders))
    stored = source.read(scene, render)
    band, largest = edge_band(stored.coc), float(np.abs(stored.coc).max()) / (2 * LIMIT_PX)
    top, left = _place(band, rng, side)
    window = np.s_[top : top + side, left : left + side]
    colours = rng.permutation(3)
    photo, layered, truth = (
        _unit(picture[window][..., colours]) for picture in (stored.photo, stored.layered, stored.truth)
    )
    radius = stored.coc[window][None] / np.float32(2 * LIMIT_PX)
    planes = _stack_planes(photo, layered, radius, band[window][None], largest)
    turns, flipped = int(rng.integers(4)), rng.random() < 0.5

    def turn(maps: NDArray[np.float32]) -> NDArray[np.float32]:
        turned = np.rot90(maps, turns, (1, 2))
        return np.ascontiguousarray(turned[:, :, ::-1] if flipped else turned)

    return [turn(maps) for maps in (planes, photo, layered, truth)]


def _place(band: NDArray[np.float32], rng: np.random.Generator, side: int) -> tuple[int, int]:
    """Top left corner of a patch, mostly around a pixel of the band."""
    most = np.asarray(band.shape) - side
    corner = rng.integers(0, most + 1)
    choice, rank = rng.random(), rng.random()
    inside = np.argwhere(band[::_STRIDE, ::_STRIDE] > 0)
    if choice < ON_EDGES and len(inside):
        corner = inside[int(rank * len(inside))] * _STRIDE - side // 2
    return tuple(int(value) for value in np.clip(corner, 0, most))  # type: ignore[return-value]


def _unit(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.moveaxis(to_unit(picture), -1, 0)


def whole(stored: StoredRender) -> PatchBatch:
    """A whole stored render as a batch of one; the sides are multiples of 4."""
    planes = input_planes(to_unit(stored.photo), to_unit(stored.layered), stored.coc)
    pictures = (_unit(picture) for picture in (stored.photo, stored.layered, stored.truth))
    return PatchBatch(*(torch.from_numpy(np.ascontiguousarray(maps)[None]) for maps in (planes, *pictures)))
