"""The data loader: micro-batches made in worker processes that end with their parent."""

from __future__ import annotations

import os
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - only imported by training
from torch.utils.data import DataLoader  # noqa: TID253

from ebb.errors import InvalidInput
from ebb_train.data.batch_sampler import MicroBatchSampler

if TYPE_CHECKING:
    from collections.abc import Generator
    from multiprocessing.context import BaseContext

    from ebb_train.data.batch_sampler import BatchRange
    from ebb_train.data.dataset import Batch, CropDataset

PREFETCH = 2
"""Batches each worker has ready."""

START_METHOD = "forkserver"
"""Worker processes start small and clean: a fork of a process with threads can hang."""


def micro_batches(
    dataset: CropDataset, batch_range: BatchRange, *, workers: int = 0, pin_memory: bool = False
) -> Generator[Batch, None, None]:
    """Stream the micro-batches of one rank, in order; closing the stream ends its workers.

    Args:
        dataset: Makes them.
        batch_range: Which samples.
        workers: Processes that prepare them ahead; 0: this one, when they are asked for.
        pin_memory: Put them where a GPU can fetch them.

    Raises:
        InvalidInput: a pair is damaged or has no depth map; the message names the file.
    """
    loader = DataLoader(
        dataset,
        batch_sampler=MicroBatchSampler(len(dataset), dataset.settings.seed, batch_range),
        num_workers=workers,
        collate_fn=_as_it_is,
        pin_memory=pin_memory,
        multiprocessing_context=_context() if workers else None,
        worker_init_fn=_start_worker if workers else None,
        prefetch_factor=PREFETCH if workers else None,
        generator=torch.Generator(),  # of its own: it must not index from the global one
    )
    for batch in loader:
        if isinstance(batch, InvalidInput):
            raise batch
        yield batch


def _context() -> BaseContext:
    context = get_context(START_METHOD)
    context.set_forkserver_preload(["ebb_train.data.dataset"])  # PyTorch is imported once, not by every worker of every level
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
