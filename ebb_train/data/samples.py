"""Training samples: a stream of batches that depends on the seed and the position in it, and on nothing else.

The pairs come in a new order every epoch, without a break in between: positions 0 … n - 1 of the stream are
the first epoch. A batch is a run of positions, and rank r of R takes every R-th of them. So a run can go on
at any position, with any number of workers, and every pair is seen once an epoch whatever the batch size.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch  # noqa: TID253 - batches are tensors; only imported by training
from torch import Tensor  # noqa: TID253
from torch.utils.data import DataLoader, Dataset, Sampler  # noqa: TID253

from ebb.errors import InvalidInput
from ebb_train.data.augment import cut, draw_variation, place_crop, turn
from ebb_train.data.reduced import CACHE_BYTES, ReducedPairs, crop_step, resize, target_step
from ebb_train.models.pynet import SIZE_MULTIPLE, output_size

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from multiprocessing.context import BaseContext

    from numpy.typing import NDArray

    from ebb.arrays import Rgb8
    from ebb_train.data.augment import Augment
    from ebb_train.data.sources import Source

_ORDER = 0
"""Keeps these draws apart from others with the same seed."""

PREFETCH = 2
"""Batches each worker has ready."""

START_METHOD = "forkserver"
"""Worker processes start small and clean: a fork of a process with threads can hang."""


class Draw(NamedTuple):
    """One sample of the stream."""

    pair: int
    epoch: int


class Batch(NamedTuple):
    """Some samples, as they are stored: 8 bits a value."""

    photo: Tensor
    """(N, 3 or 4, side / 2, side / 2): the wide photo at half size, and its depth."""
    target: Tensor
    """(N, 3, h, w): the shallow photo at the size of the level's picture."""
    pair_ids: tuple[str, ...]


def unit_range(values: Tensor) -> Tensor:
    """0…255 to float32 in [0, 1]."""
    return values.to(torch.float32) / 255


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    """How a pair becomes a sample."""

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


class Samples(Dataset[Batch]):
    """Makes batches out of the pairs of a source; what a worker process runs.

    Args:
        source: Where the pairs come from.
        settings: How a pair becomes a sample.
        cache_bytes: Room for pairs that are kept, in each process.
    """

    def __init__(self, source: Source, settings: SampleSettings, cache_bytes: int = CACHE_BYTES) -> None:
        self.source = source
        self.settings = settings
        self._pairs = ReducedPairs(
            source, settings.level, settings.side, settings.in_channels, max_bytes=cache_bytes
        )

    def __len__(self) -> int:
        return len(self.source)

    def __getitems__(self, draws: list[Draw]) -> Batch | InvalidInput:
        """Make a batch. An error is handed back, as what is raised in a worker arrives as a traceback."""
        try:
            photos, targets, pair_ids = zip(*[self.sample(draw) for draw in draws], strict=True)
        except InvalidInput as error:
            return error
        return Batch(_stack(photos), _stack(targets), pair_ids)

    def sample(self, draw: Draw) -> tuple[Rgb8, Rgb8, str]:
        """Find the reduced pair, crop, turn.

        Returns:
            The input (side / 2, side / 2, 3 or 4), the target (h, w, 3), both 0…255, and the pair's id.

        Raises:
            InvalidInput: the pair is damaged or has no depth map.
        """
        settings, pair = self.settings, self._pairs.read(draw.pair)
        height, width = (2 * length for length in pair.photo.shape[:2])
        variation = draw_variation(settings.seed, draw.pair, draw.epoch, settings.augment)
        crop = place_crop(variation, width, height, settings.side, crop_step(settings.level))
        photo = cut(pair.photo, crop.over(2))
        target = cut(pair.target, crop.over(target_step(settings.level)))
        target = resize(target, *output_size(settings.level, *photo.shape[:2]))
        photo, target = (np.ascontiguousarray(turn(plane, variation)) for plane in (photo, target))
        return photo, target, pair.pair_id


@lru_cache(maxsize=2)
def epoch_order(seed: int, epoch: int, num_pairs: int) -> NDArray[np.int64]:
    """The order of the pairs in an epoch: a permutation of 0 … num_pairs - 1."""
    entropy = np.random.SeedSequence(seed, spawn_key=(_ORDER, epoch))
    return np.random.default_rng(entropy).permutation(num_pairs)


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The part of the stream that a level trains on, cut into batches."""

    start: int
    """Position in the stream of the first sample."""
    batches: int
    batch: int
    """Samples of a batch, over all ranks."""
    micro_batch: int = 0
    """Most samples of a batch that one rank has in hand at a time; 0: all."""
    rank: int = 0
    ranks: int = 1


class Draws(Sampler[list[Draw]]):
    """Which samples one rank takes, micro-batch by micro-batch."""

    def __init__(self, num_pairs: int, seed: int, stretch: Stretch) -> None:
        self._num_pairs, self._seed, self._stretch = num_pairs, seed, stretch

    def __iter__(self) -> Iterator[list[Draw]]:
        stretch = self._stretch
        for number in range(stretch.batches):
            first = stretch.start + number * stretch.batch
            positions = range(first + stretch.rank, first + stretch.batch, stretch.ranks)
            size = stretch.micro_batch or len(positions)
            for begin in range(0, len(positions), size):
                yield [self._draw(position) for position in positions[begin : begin + size]]

    def _draw(self, position: int) -> Draw:
        epoch, place = divmod(position, self._num_pairs)
        return Draw(int(epoch_order(self._seed, epoch, self._num_pairs)[place]), epoch)


def micro_batches(
    samples: Samples, stretch: Stretch, *, workers: int = 0, pin_memory: bool = False
) -> Generator[Batch, None, None]:
    """Stream the micro-batches of one rank, in order; closing the stream ends its workers.

    Args:
        samples: What makes them.
        stretch: Which samples.
        workers: Processes that prepare them ahead; 0: this one, when they are asked for.
        pin_memory: Put them where a GPU can fetch them.

    Raises:
        InvalidInput: a pair is damaged or has no depth map; the message names the file.
    """
    loader = DataLoader(
        samples,
        batch_sampler=Draws(len(samples), samples.settings.seed, stretch),
        num_workers=workers,
        collate_fn=_as_it_is,
        pin_memory=pin_memory,
        multiprocessing_context=_context() if workers else None,
        worker_init_fn=_start_worker if workers else None,
        prefetch_factor=PREFETCH if workers else None,
        generator=torch.Generator(),  # of its own: it must not draw from the global one
    )
    for batch in loader:
        if isinstance(batch, InvalidInput):
            raise batch
        yield batch


def _context() -> BaseContext:
    context = get_context(START_METHOD)
    context.set_forkserver_preload([__name__])  # PyTorch is imported once, not by every worker of every level
    return context


def _start_worker(number: int) -> None:  # noqa: ARG001 - the signature of a worker_init_fn
    """One thread for the work, as workers are many, and one that ends the worker with its parent."""
    import cv2

    cv2.setNumThreads(1)
    Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """End this worker when the process it works for is gone, even by SIGKILL.

    PyTorch's own watch looks at the fork server, which lives as long as any of its workers.
    """
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _as_it_is(batch: Any) -> Any:  # noqa: ANN401 - a batch, or what went wrong
    return batch


def _stack(pictures: tuple[Rgb8, ...]) -> Tensor:
    """Pictures (H, W, C) to one tensor (N, C, H, W)."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
