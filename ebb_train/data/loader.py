"""The data loader: micro-batches made in worker processes that are replaced when one of them dies."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - only imported by training
from torch.utils.data import DataLoader  # noqa: TID253

from ebb.errors import EbbError, ExitCode, InvalidInput
from ebb.fork_server import end_with_parent, fork_server, wait_for_lost_server
from ebb.stop import HeldSignals
from ebb_train.data.batch_sampler import MicroBatchSampler

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from ebb_train.data.batch_sampler import BatchRange
    from ebb_train.data.dataset import Batch, CropDataset

PREFETCH = 2
"""Batches each worker has ready."""

MAX_LOST = 3
"""Times in succession that workers may be lost before a batch comes."""


class LoadersLost(EbbError):
    """The processes that prepare samples die again and again."""

    exit_code = ExitCode.ITEMS_FAILED


def micro_batches(
    dataset: CropDataset, batch_range: BatchRange, *, workers: int = 0, pin_memory: bool = False
) -> Generator[Batch, None, None]:
    """Stream the micro-batches of one rank, in order; closing the stream ends its workers.

    When a worker dies, new ones continue after the last batch; the batches are the same to the bit.

    Args:
        dataset: Makes them.
        batch_range: Which samples.
        workers: Processes that prepare them ahead; 0: this one, when they are requested.
        pin_memory: Put them into page-locked memory, for a GPU.

    Raises:
        InvalidInput: a pair is damaged or has no depth map; the message names the file.
        LoadersLost: workers die again and again.
    """
    done = lost = 0
    while True:
        sampler = MicroBatchSampler(len(dataset), dataset.settings.seed, batch_range, skip=done)
        try:
            for batch in _loader(dataset, sampler, workers, pin_memory=pin_memory):
                if isinstance(batch, InvalidInput):
                    raise batch
                done, lost = done + 1, 0
                yield batch
        except (RuntimeError, OSError, EOFError) as error:
            if not workers or _is_from_sample(error):
                raise
            lost += 1
            if lost == MAX_LOST:
                raise _loaders_lost(error) from error
            if isinstance(error, OSError | EOFError):
                wait_for_lost_server()
        else:
            return


def _loader(
    dataset: CropDataset, sampler: MicroBatchSampler, workers: int, *, pin_memory: bool
) -> Iterator[Any]:
    """Start the workers, more than there are cores where the user requests that: PyTorch would warn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create", category=UserWarning)
        loader = DataLoader(
            dataset,
            batch_sampler=sampler,
            num_workers=workers,
            collate_fn=_identity,
            pin_memory=pin_memory,
            # PyTorch is imported once, not by every worker of every level
            multiprocessing_context=fork_server(["ebb_train.data.dataset"]) if workers else None,
            worker_init_fn=_start_worker if workers else None,
            prefetch_factor=PREFETCH if workers else None,
            generator=torch.Generator(),  # otherwise it would draw from the global one
        )
        with HeldSignals():  # a worker that is half started when this process ends prints a traceback
            return iter(loader)


def _is_from_sample(error: Exception) -> bool:
    """Whether making a sample failed; otherwise a worker, or its connection, is gone.

    PyTorch raises the exception of a worker again, with its type and a message that begins so.
    """
    return str(error).startswith("Caught ")


def _loaders_lost(error: Exception) -> LoadersLost:
    reason = str(error).partition("\n")[0] or type(error).__name__
    hint = "lower --loaders or free memory; the same command resumes from the last checkpoint"
    return LoadersLost(f"the loader processes died {MAX_LOST} times in succession: {reason}", hint=hint)


def _start_worker(number: int) -> None:  # noqa: ARG001 - the signature of a worker_init_fn
    """Use one thread, as there are many workers, and end with the parent process."""
    import cv2

    cv2.setNumThreads(1)
    end_with_parent()


def _identity(batch: Any) -> Any:  # noqa: ANN401 - a batch, or the error that a worker hands back
    return batch
