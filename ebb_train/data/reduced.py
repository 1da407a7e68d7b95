"""Pairs reduced for a level: the input to half the photo's size, the target to little more than the level's
picture. Crops are taken from the reduced pair, which can therefore be cached from epoch to epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ebb.errors import InvalidInput
from ebb_train.data.augment import Margins, extend, find_margins

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.arrays import Gray8, Rgb8
    from ebb_train.data.sources import Photos, Source

CACHE_BYTES = 256_000_000
"""Size of the cache of reduced pairs in each process."""


class ReducedPair(NamedTuple):
    """One pair, reduced and, where the photos are smaller than the crop, extended."""

    pair_id: str
    photo: Rgb8
    """(H / 2, W / 2, 3 or 4): the wide photo at half size, and its depth."""
    target: Rgb8
    """(H / step, W / step, 3): the shallow photo; see :func:`target_step`."""


class ReducedPairs:
    """The pairs of a source, reduced for one level, cached while there is room.

    No pair is evicted: as every pair is read once an epoch, the most recent ones are not more useful.

    Args:
        source: Where the pairs come from.
        level: Level of the network, 7 … 1.
        side: Side of the crops, in pixels of the stored photos.
        in_channels: 4: RGB and depth. 3: RGB alone.
        max_bytes: Size of the cache in each process.
    """

    def __init__(
        self, source: Source, level: int, side: int, in_channels: int, max_bytes: int = CACHE_BYTES
    ) -> None:
        self._source = source
        self._level, self._side, self._in_channels = level, side, in_channels
        self._left = self._max_bytes = max_bytes
        self._kept: dict[int, ReducedPair] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_kept": {}, "_left": self._max_bytes}

    def read(self, index: int) -> ReducedPair:
        """Reduce a pair, or take it from the cache; do not modify the result.

        Raises:
            InvalidInput: it is damaged or has no depth map.
        """
        if index in self._kept:
            return self._kept[index]
        photos = self._source.read(index)
        pair = reduce_pair(photos, self._level, self._side, self._in_channels, self._source.folder)
        size = pair.photo.nbytes + pair.target.nbytes
        if size <= self._left:
            self._left -= size
            self._kept[index] = pair
        return pair


def target_step(level: int) -> int:
    """Pixels of the stored photo for one pixel of the reduced target, in each direction.
    """
    return {1: 1, 2: 2}.get(level, 4)


def crop_step(level: int) -> int:
    """Crops begin at multiples of this: whole pixels of the reduced photo and of the reduced target."""
    return max(2, target_step(level))


def reduce_pair(photos: Photos, level: int, side: int, in_channels: int, folder: Path) -> ReducedPair:
    """Halve the wide photo, reduce the shallow one, and mirror both where they do not hold a crop.

    Args:
        photos: The pair; rows and columns beyond a multiple of :func:`crop_step` are left out.
        level: Level of the network.
        side: Side of the crops, in pixels of the stored photos.
        in_channels: 4: RGB and depth. 3: RGB alone.
        folder: Of the data set, for the error.

    Raises:
        InvalidInput: depth is wanted and there is none.
    """
    step = crop_step(level)
    height, width = (length // step * step for length in photos.wide.shape[:2])
    margins = find_margins(width, height, side, step)
    half = resize(photos.wide[:height, :width], height // 2, width // 2)
    if in_channels == 4:
        half = np.dstack([half, depth_of(photos, folder)[: height // 2, : width // 2]])
    by = target_step(level)
    target = resize(photos.shallow[:height, :width], height // by, width // by)
    return ReducedPair(photos.pair_id, _extended(half, margins.over(2)), _extended(target, margins.over(by)))


def depth_of(photos: Photos, folder: Path) -> Gray8:
    """The depth map of a pair of the data set in ``folder``.

    Raises:
        InvalidInput: there is none.
    """
    if photos.depth is None:
        hint = "make one with: ebb depth, or train with --in-channels 3"
        raise InvalidInput(f"pair {photos.pair_id} has no depth map", path=folder, hint=hint)
    return photos.depth


def resize(photo: Rgb8 | Gray8, height: int, width: int) -> Rgb8:
    """Resize an 8-bit photo: bicubic, the kernel stretched to the output pixel, as the authors' loader did.

    That loader called SciPy's ``imresize``, which was Pillow's resampling and is gone from SciPy.
    """
    from PIL import Image

    if photo.shape[:2] == (height, width):
        return photo
    return np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC))


def _extended(image: Rgb8, margins: Margins) -> Rgb8:
    """Extend an image; the result is a copy, as a view would keep the whole photo in memory."""
    extended = extend(image, margins)
    return extended.copy() if extended.base is not None else extended
