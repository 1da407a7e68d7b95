"""Pairs reduced for a stage: for PyNET the input to half the photo's size, the target to little more than the
level's picture; for other networks both alike. Crops are taken from the reduced pair, which can therefore be
cached from epoch to epoch.
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


class Reduction(NamedTuple):
    """Pixels of the stored photo for one pixel of the reduced pair, in each direction: powers of two."""

    photo: int
    target: int

    @property
    def step(self) -> int:
        """Crops begin at multiples of this: whole pixels of the reduced photo, of its target, and of depth."""
        return max(2, self.photo, self.target)


class ReducedPair(NamedTuple):
    """One pair, reduced and, where the photos are smaller than the crop, extended."""

    pair_id: str
    photo: Rgb8
    """(H / r, W / r, 3 or 4): the wide photo, reduced by :attr:`Reduction.photo`, and its depth."""
    target: Rgb8
    """(H / r, W / r, 3): the shallow photo, reduced by :attr:`Reduction.target`."""
    margins: Margins = Margins(0, 0, 0, 0)
    """How far ``photo`` is extended."""
    f_number: float | None = None
    """Of the shallow photo."""


class ReducedPairs:
    """The pairs of a source, reduced for one stage, cached while there is room.

    No pair is evicted: as every pair is read once an epoch, the most recent ones are not more useful.

    Args:
        source: Where the pairs come from.
        reduction: How much.
        side: Side of the crops, in pixels of the stored photos.
        in_channels: 4: RGB and depth. 3: RGB alone.
        max_bytes: Size of the cache in each process.
    """

    def __init__(
        self,
        source: Source,
        reduction: Reduction,
        side: int,
        in_channels: int,
        max_bytes: int = CACHE_BYTES,
    ) -> None:
        self._source = source
        self._reduction, self._side, self._in_channels = reduction, side, in_channels
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
        pair = reduce_pair(photos, self._reduction, self._side, self._in_channels, self._source.folder)
        size = pair.photo.nbytes + pair.target.nbytes
        if size <= self._left:
            self._left -= size
            self._kept[index] = pair
        return pair


def level_reduction(level: int) -> Reduction:
    """Reduction for a level of PyNET: its target is at least as large as the level's picture, and at least a
    quarter of the photo.
    """
    return Reduction(photo=2, target={1: 1, 2: 2}.get(level, 4))


def reduce_pair(photos: Photos, reduction: Reduction, side: int, in_channels: int, folder: Path) -> ReducedPair:
    """Reduce both photos, and mirror them where they do not hold a crop.

    Args:
        photos: The pair; rows and columns beyond a multiple of :attr:`Reduction.step` are left out.
        reduction: How much.
        side: Side of the crops, in pixels of the stored photos.
        in_channels: 4: RGB and depth. 3: RGB alone.
        folder: Of the data set, for the error.

    Raises:
        InvalidInput: depth is wanted and there is none.
    """
    step, by, of_target = reduction.step, reduction.photo, reduction.target
    height, width = (length // step * step for length in photos.wide.shape[:2])
    margins = find_margins(width, height, side, step)
    reduced = resize(photos.wide[:height, :width], height // by, width // by)
    if in_channels == 4:
        depth = depth_of(photos, folder)[: height // 2, : width // 2]
        reduced = np.dstack([reduced, resize(depth, height // by, width // by)])
    target = resize(photos.shallow[:height, :width], height // of_target, width // of_target)
    return ReducedPair(
        photos.pair_id,
        _extended(reduced, margins.over(by)),
        _extended(target, margins.over(of_target)),
        margins.over(by),
        photos.f_number,
    )


def depth_of(photos: Photos, folder: Path) -> Gray8:
    """The depth map of a pair of the data set in ``folder``.

    Raises:
        InvalidInput: there is none.
    """
    if photos.depth is None:
        hint = "make one with: ebb depth, or train without it: PyNET with --in-channels 3, dmshn"
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
