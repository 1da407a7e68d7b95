"""The batch sampler: a stream of samples that is a function of the seed and the position in it.

The pairs come in a new order every epoch, without a break in between: positions 0 … n - 1 of the stream are
the first epoch. A batch is a range of positions, and rank r of R takes every R-th of them. So a run can resume
at any position, with any number of workers, and every pair is seen once an epoch whatever the batch size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch.utils.data import Sampler  # noqa: TID253 - only imported by training

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_ORDER = 0
"""Separates these random numbers from others with the same seed."""


class SampleIndex(NamedTuple):
    """Number of a pair, and of the epoch."""

    pair: int
    epoch: int


@lru_cache(maxsize=2)
def epoch_order(seed: int, epoch: int, num_pairs: int) -> NDArray[np.int64]:
    """The order of the pairs in an epoch: a permutation of 0 … num_pairs - 1."""
    entropy = np.random.SeedSequence(seed, spawn_key=(_ORDER, epoch))
    return np.random.default_rng(entropy).permutation(num_pairs)


@dataclass(frozen=True, kw_only=True)
class BatchRange:
    """A part of the stream, divided into batches."""

    start: int
    """Position in the stream of the first sample."""
    batches: int
    batch: int
    """Samples of a batch, over all ranks."""
    micro_batch: int = 0
    """Most samples of a batch that one rank processes at a time; 0: all."""
    rank: int = 0
    ranks: int = 1


class MicroBatchSampler(Sampler[list[SampleIndex]]):
    """The samples of one rank, a list for each micro-batch.

    Args:
        num_pairs: Pairs of the data set.
        seed: Of the order.
        batch_range: Which samples.
        skip: Micro-batches to leave out at the beginning.
    """

    def __init__(self, num_pairs: int, seed: int, batch_range: BatchRange, skip: int = 0) -> None:
        self._num_pairs, self._seed, self._range, self._skip = num_pairs, seed, batch_range, skip

    def __iter__(self) -> Iterator[list[SampleIndex]]:
        batch_range = self._range
        per_rank = batch_range.batch // batch_range.ranks
        size = batch_range.micro_batch or per_rank
        done, skip = divmod(self._skip, math.ceil(per_rank / size))
        for number in range(done, batch_range.batches):
            first = batch_range.start + number * batch_range.batch
            positions = range(first + batch_range.rank, first + batch_range.batch, batch_range.ranks)
            for begin in range(skip * size, len(positions), size):
                yield [self._index(position) for position in positions[begin : begin + size]]
            skip = 0

    def _index(self, position: int) -> SampleIndex:
        epoch, place = divmod(position, self._num_pairs)
        return SampleIndex(int(epoch_order(self._seed, epoch, self._num_pairs)[place]), epoch)
