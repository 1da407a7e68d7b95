"""The stream of samples: every pair once per epoch, for any batches, ranks and start."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ebb_train.data.batch_sampler import BatchRange, MicroBatchSampler, epoch_order


@given(
    num_pairs=st.integers(1, 40),
    batch=st.integers(1, 12),
    micro=st.integers(0, 5),
    ranks=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_every_pair_occurs_once_per_epoch_over_all_ranks(
    num_pairs: int, batch: int, micro: int, ranks: int, seed: int
) -> None:
    batch *= ranks
    batch_range = BatchRange(start=0, batches=-(-2 * num_pairs // batch), batch=batch, micro_batch=micro, ranks=ranks)
    seen = [
        index
        for rank in range(ranks)
        for indices in MicroBatchSampler(num_pairs, seed, replace(batch_range, rank=rank))
        for index in indices
    ]
    assert len(seen) == len(set(seen)) == batch_range.batches * batch
    for epoch in (0, 1):
        assert sorted(index.pair for index in seen if index.epoch == epoch) == list(range(num_pairs))


@given(st.integers(0, 30), st.integers(1, 6), st.integers(1, 9))
@settings(deadline=None, max_examples=30)
def test_a_range_continues_where_another_stopped(start: int, batch: int, cut_at: int) -> None:
    whole = list(MicroBatchSampler(7, 1, BatchRange(start=start, batches=10, batch=batch)))
    first = list(MicroBatchSampler(7, 1, BatchRange(start=start, batches=cut_at, batch=batch)))
    rest = list(MicroBatchSampler(7, 1, BatchRange(start=start + cut_at * batch, batches=10 - cut_at, batch=batch)))
    assert first + rest == whole


@given(st.integers(1, 6), st.integers(0, 4), st.integers(1, 3), st.integers(0, 70))
@settings(deadline=None, max_examples=60)
def test_skipping_omits_exactly_the_skipped_samples(batch: int, micro: int, ranks: int, skip: int) -> None:
    batch_range = BatchRange(start=5, batches=10, batch=batch * ranks, micro_batch=micro, ranks=ranks, rank=ranks - 1)
    whole = list(MicroBatchSampler(7, 1, batch_range))
    assert list(MicroBatchSampler(7, 1, batch_range, skip=skip)) == whole[skip:]


def test_micro_batches_and_ranks_share_out_the_same_samples() -> None:
    whole = [index for indices in MicroBatchSampler(9, 2, BatchRange(start=3, batches=4, batch=6)) for index in indices]
    parts = BatchRange(start=3, batches=4, batch=6, micro_batch=2)
    assert [index for indices in MicroBatchSampler(9, 2, parts) for index in indices] == whole
    assert [len(indices) for indices in MicroBatchSampler(9, 2, replace(parts, micro_batch=4))] == [4, 2] * 4
    ranks = [list(MicroBatchSampler(9, 2, BatchRange(start=3, batches=4, batch=6, ranks=2, rank=r))) for r in (0, 1)]
    assert [index for pair in zip(*ranks, strict=True) for both in zip(*pair, strict=True) for index in both] == whole


def test_the_order_is_new_in_every_epoch_and_for_every_seed() -> None:
    orders = {tuple(epoch_order(seed, epoch, 50)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9
    assert all(sorted(order) == list(range(50)) for order in orders)
