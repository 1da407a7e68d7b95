"""Pairs of a data set as a PyTorch data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch  # noqa: TID253 - this module is imported by Dataset.to_torch only
from torch import Tensor  # noqa: TID253
from torch.utils.data import Dataset  # noqa: TID253

from ebb.errors import InvalidInput, UsageError
from ebb.formats.png import decode_png

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.dataset.collection import ShardCollection

_COLUMNS = ("pair_id", "wide", "shallow", "depth", "width", "height")


class _Crop(NamedTuple):
    x: int
    y: int
    width: int
    height: int

    def of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return image[self.y : self.y + self.height, self.x : self.x + self.width]


class TorchPairs(Dataset[tuple[Tensor, Tensor]]):
    """Pairs as (input, target) tensors; see :meth:`ebb.Dataset.to_torch`.

    Each worker of a ``DataLoader`` opens its own files.

    Args:
        pairs: The records.
        crop: Side of the square crops in pixels, even; None: whole photos.
        with_depth: Whether inverse depth is the fourth input channel.
        seed: Seed of the crop positions, ≥ 0.
    """

    def __init__(self, pairs: ShardCollection, crop: int | None, *, with_depth: bool, seed: int) -> None:
        if crop is not None and (crop < 2 or crop % 2):
            raise UsageError(f"the crop must be even and positive, not {crop}: depth maps have half the size")
        if seed < 0:
            raise UsageError(f"the seed must be at least 0, not {seed}")
        self._pairs, self._crop, self._with_depth, self._seed = pairs, crop, with_depth, seed
        # in shared memory, so that persistent workers of a DataLoader see a new epoch
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]

    def __len__(self) -> int:
        return len(self._pairs)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which changes the crops; they are the same in every process.

        Args:
            epoch: Number of the epoch, ≥ 0.

        Raises:
            UsageError: the epoch is negative.
        """
        if epoch < 0:
            raise UsageError(f"the epoch must be at least 0, not {epoch}")
        self._epoch.fill_(epoch)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Read, decode and crop one pair.

        Raises:
            IndexError: the index is out of range.
            InvalidInput: the pair is damaged, smaller than the crop, or has no depth map.
        """
        try:
            index = range(len(self))[index]
        except IndexError as error:
            raise IndexError(f"pair {index} of {len(self)}") from error
        row = self._pairs.read_values(index, _COLUMNS)
        if self._with_depth and row["depth"] is None:
            hint = "add depth with: ebb depth, or call to_torch with depth=False"
            raise InvalidInput(f"pair {row['pair_id']} has no depth map", hint=hint)
        crop = self._place(index, row["pair_id"], row["width"], row["height"])
        channels = [crop.of(decode_png(row["wide"]))]
        if self._with_depth:
            double = decode_png(row["depth"]).repeat(2, axis=0).repeat(2, axis=1)
            channels.append(crop.of(double)[..., None])
        return _tensor(np.concatenate(channels, axis=2)), _tensor(crop.of(decode_png(row["shallow"])))

    def _place(self, index: int, pair_id: str, width: int, height: int) -> _Crop:
        """Random square at even coordinates, which coincide with pixels of the depth map."""
        if self._crop is None:
            return _Crop(0, 0, width - width % 2, height - height % 2)
        free = [(side - side % 2 - self._crop) // 2 for side in (width, height)]
        if min(free) < 0:
            message = f"pair {pair_id} has {width} x {height} pixels, less than a crop of {self._crop}"
            raise InvalidInput(message, hint="choose a smaller crop")
        entropy = np.random.SeedSequence(self._seed, spawn_key=(int(self._epoch), index))
        x, y = np.random.default_rng(entropy).integers(0, free, endpoint=True).tolist()
        return _Crop(2 * x, 2 * y, self._crop, self._crop)


def _tensor(image: NDArray[np.uint8]) -> Tensor:
    """Convert (H, W, C), 0…255, to (C, H, W), float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(torch.float32) / 255
