"""The data set of training crops: a pair becomes an input and a target of one stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch  # noqa: TID253 - batches are tensors; only imported by training
from torch import Tensor  # noqa: TID253
from torch.utils.data import Dataset  # noqa: TID253

from ebb.errors import InvalidInput
from ebb_train.data.augment import cut, draw_variation, extend, place_crop, rotate_and_flip
from ebb_train.data.planes import position_planes, strength_of
from ebb_train.data.reduced import CACHE_BYTES, ReducedPairs, Reduction, level_reduction, resize
from ebb_train.models.pynet import SIZE_MULTIPLE, output_size

if TYPE_CHECKING:
    from ebb.arrays import Rgb8
    from ebb_train.data.augment import Augment
    from ebb_train.data.batch_sampler import SampleIndex
    from ebb_train.data.reduced import ReducedPair
    from ebb_train.data.sources import Source
    from ebb_train.pixels import Floats


class Batch(NamedTuple):
    """Samples with 8 bits a value, as they are stored."""

    photo: Tensor
    """(N, 3 or 4, side / r, side / r): the reduced wide photo, for PyNET at half size, and its depth."""
    target: Tensor
    """(N, 3, h, w): the shallow photo at the size of the picture."""
    pair_ids: tuple[str, ...]
    planes: dict[str, Tensor] = {}  # noqa: RUF012 - never changed
    """What the network takes beside them, as floats; see :class:`~ebb_train.networks.planes.NetworkInputs`."""


def unit_range(values: Tensor) -> Tensor:
    """0…255 to float32 in [0, 1]."""
    return values.to(torch.float32) / 255


@dataclass(frozen=True, kw_only=True)
class CropSettings:
    """Settings that turn a pair into a sample."""

    level: int = 0
    """Level of the PyNET that is trained: 7 … 1; 0: another network, whose picture has the input's size."""
    scale: int = 1
    """Photos of another network are reduced by this."""
    side: int
    """Side of the crop in pixels of the stored photo, a multiple of 64."""
    in_channels: int = 4
    """4: RGB and depth. 3: RGB alone."""
    position: bool = False
    """Whether position planes are made."""
    reference_f_number: float = 0.0
    """The f-number whose strength is 1; 0: strength is not that of the pair."""
    strength: float = 0.0
    """The strength of all pairs; 0: there is none."""
    seed: int = 0
    augment: Augment = "paper"

    @property
    def reduction(self) -> Reduction:
        """How much pairs are reduced."""
        return level_reduction(self.level) if self.level else Reduction(self.scale, self.scale)

    def target_size(self, height: int, width: int) -> tuple[int, int]:
        """Size of the picture for an input of this size."""
        return output_size(self.level, height, width) if self.level else (height, width)


class Sample(NamedTuple):
    """One crop of a pair."""

    photo: Rgb8
    """(side / r, side / r, 3 or 4)."""
    target: Rgb8
    """(h, w, 3)."""
    pair_id: str
    planes: dict[str, Floats]
    """As those of a batch."""


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
            source, settings.reduction, settings.side, settings.in_channels, max_bytes=cache_bytes
        )

    def __len__(self) -> int:
        return len(self.source)

    def __getitems__(self, indices: list[SampleIndex]) -> Batch | InvalidInput:
        """Make a batch. An error is returned, as PyTorch turns one that is raised in a worker into a traceback."""
        try:
            samples = [self.sample(index) for index in indices]
        except InvalidInput as error:
            return error
        photos, targets, pair_ids, planes = zip(*samples, strict=True)
        joined = {name: torch.from_numpy(np.stack([one[name] for one in planes])) for name in planes[0]}
        return Batch(_stack(photos), _stack(targets), pair_ids, joined)

    def sample(self, index: SampleIndex) -> Sample:
        """Read the reduced pair, crop it, augment it.

        Raises:
            InvalidInput: the pair is damaged, or has no depth map or f-number though one is needed.
        """
        settings, pair = self.settings, self._pairs.read(index.pair)
        reduction = settings.reduction
        height, width = (reduction.photo * length for length in pair.photo.shape[:2])
        variation = draw_variation(settings.seed, index.pair, index.epoch, settings.augment)
        crop = place_crop(variation, width, height, settings.side, reduction.step)
        photo = cut(pair.photo, crop.over(reduction.photo))
        target = cut(pair.target, crop.over(reduction.target))
        target = resize(target, *settings.target_size(*photo.shape[:2]))
        photo, target = (np.ascontiguousarray(rotate_and_flip(plane, variation)) for plane in (photo, target))
        planes = {}
        if settings.position:
            places = cut(_places(pair), crop.over(reduction.photo))
            turned = rotate_and_flip(places, variation)
            planes["position"] = np.ascontiguousarray(turned.transpose(2, 0, 1))
        if settings.reference_f_number or settings.strength:
            strength = settings.strength or strength_of(
                pair.f_number, settings.reference_f_number, pair.pair_id, self.source.folder
            )
            planes["strength"] = np.array([strength], np.float32)
        return Sample(photo, target, pair.pair_id, planes)


def _places(pair: ReducedPair) -> Floats:
    """Position planes (H, W, 2) of a reduced and extended photo."""
    left, right, top, bottom = pair.margins
    height, width = pair.photo.shape[:2]
    return extend(position_planes(height - top - bottom, width - left - right), pair.margins)


def _stack(pictures: tuple[Rgb8, ...]) -> Tensor:
    """Pictures (H, W, C) to one tensor (N, C, H, W)."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
