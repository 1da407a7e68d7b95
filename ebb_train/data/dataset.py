"""The data set of training crops: a pair becomes an input and a target of one level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch  # noqa: TID253 - batches are tensors; only imported by training
from torch import Tensor  # noqa: TID253
from torch.utils.data import Dataset  # noqa: TID253

from ebb.errors import InvalidInput
from ebb_train.data.augment import cut, draw_variation, place_crop, rotate_and_flip
from ebb_train.data.reduced import CACHE_BYTES, ReducedPairs, crop_step, resize, target_step
from ebb_train.models.pynet import SIZE_MULTIPLE, output_size

if TYPE_CHECKING:
    from ebb.arrays import Rgb8
    from ebb_train.data.augment import Augment
    from ebb_train.data.batch_sampler import SampleIndex
    from ebb_train.data.sources import Source


class Batch(NamedTuple):
    """Samples with 8 bits a value, as they are stored."""

    photo: Tensor
    """(N, 3 or 4, side / 2, side / 2): the wide photo at half size, and its depth."""
    target: Tensor
    """(N, 3, h, w): the shallow photo at the size of the level's picture."""
    pair_ids: tuple[str, ...]


def unit_range(values: Tensor) -> Tensor:
    """0…255 to float32 in [0, 1]."""
    return values.to(torch.float32) / 255


@dataclass(frozen=True, kw_only=True)
class CropSettings:
    """Settings that turn a pair into a sample."""

    level: int
    """Level of the network that is trained: 7 … 1."""
    side: int
    """Side of the crop in pixels of the stored photo: twice the input's; a multiple of 64."""
    in_channels: int = 4
    """4: RGB and depth. 3: RGB alone."""
    seed: int = 0
    augment: Augment = "paper"


def full_height(source: Source) -> int:
    """Side of the largest crop of the first pair: its height, rounded down to a multiple of 64.

    Raises:
        InvalidInput: the photos are too small for a crop.
    """
    height = int(source.read(0).wide.shape[0])
    if height < 2 * SIZE_MULTIPLE:
        message = f"photos of {height} pixels height; a crop has at least {2 * SIZE_MULTIPLE}"
        raise InvalidInput(message, path=source.folder)
    return height - height % (2 * SIZE_MULTIPLE)


class CropDataset(Dataset[Batch]):
    """Random crops of the pairs of a source; a loader worker holds a copy.

    Args:
        source: Where the pairs come from.
        settings: Of the crops.
        cache_bytes: Size of the cache of pairs in each process.
    """

    def __init__(self, source: Source, settings: CropSettings, cache_bytes: int = CACHE_BYTES) -> None:
        self.source = source
        self.settings = settings
        self._pairs = ReducedPairs(
            source, settings.level, settings.side, settings.in_channels, max_bytes=cache_bytes
        )

    def __len__(self) -> int:
        return len(self.source)

    def __getitems__(self, indices: list[SampleIndex]) -> Batch | InvalidInput:
        """Make a batch. An error is returned, as PyTorch turns one that is raised in a worker into a traceback."""
        try:
            photos, targets, pair_ids = zip(*[self.sample(index) for index in indices], strict=True)
        except InvalidInput as error:
            return error
        return Batch(_stack(photos), _stack(targets), pair_ids)

    def sample(self, index: SampleIndex) -> tuple[Rgb8, Rgb8, str]:
        """Read the reduced pair, crop it, augment it.

        Returns:
            The input (side / 2, side / 2, 3 or 4), the target (h, w, 3), both 0…255, and the pair's id.

        Raises:
            InvalidInput: the pair is damaged or has no depth map.
        """
        settings, pair = self.settings, self._pairs.read(index.pair)
        height, width = (2 * length for length in pair.photo.shape[:2])
        variation = draw_variation(settings.seed, index.pair, index.epoch, settings.augment)
        crop = place_crop(variation, width, height, settings.side, crop_step(settings.level))
        photo = cut(pair.photo, crop.over(2))
        target = cut(pair.target, crop.over(target_step(settings.level)))
        target = resize(target, *output_size(settings.level, *photo.shape[:2]))
        photo, target = (np.ascontiguousarray(rotate_and_flip(plane, variation)) for plane in (photo, target))
        return photo, target, pair.pair_id


def _stack(pictures: tuple[Rgb8, ...]) -> Tensor:
    """Pictures (H, W, C) to one tensor (N, C, H, W)."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
