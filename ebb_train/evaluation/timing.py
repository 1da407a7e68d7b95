"""Latency and memory of a model for one photo, measured in a separate process."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import EbbError
from ebb.worker_pool import WorkerLost, Workers, run_jobs
from ebb_train.memory import peak_bytes

if TYPE_CHECKING:
    from ebb_train.baselines.model import Model
    from ebb_train.data.sources import Photos
    from ebb_train.evaluation.settings import TimingSettings


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Latency and memory of a model for one photo."""

    latency_ms: float
    """Median latency."""
    iqr_ms: float
    """Interquartile range of the latency."""
    repeats: int
    peak_memory_mb: float
    """Peak memory of the process: interpreter, libraries, model, photo."""
    gpu_memory_mb: float | None = None
    """Peak memory of PyTorch on the GPU; None on a CPU."""


def time_model(model: Model, photos: Photos, settings: TimingSettings) -> Timing:
    """Render a photo repeatedly in a new process.

    Raises:
        EbbError: the process died, or as for :meth:`Model.render`.
    """
    workers = Workers(count=1, start_method="spawn")
    ((_, timing),) = run_jobs(partial(measure, model, photos), [settings], workers)
    if isinstance(timing, WorkerLost):
        raise EbbError(f"{model.name}: the timing failed: {timing}", hint="it may lack memory")
    return timing


def measure(model: Model, photos: Photos, settings: TimingSettings) -> Timing:
    """Time a model in the current process, after a warm-up run."""
    _set_threads(settings.threads)
    milliseconds = []
    for _ in range(settings.repeats + 1):
        start = time.perf_counter()
        model.render_pair(photos)  # a picture in main memory means that a GPU has finished
        milliseconds.append(1000 * (time.perf_counter() - start))
    low, median, high = np.percentile(milliseconds[1:] or milliseconds, [25, 50, 75])
    return Timing(
        latency_ms=float(median),
        iqr_ms=float(high - low),
        repeats=settings.repeats,
        peak_memory_mb=peak_bytes() / 1e6,
        gpu_memory_mb=_gpu_memory_mb(),
    )


def _set_threads(threads: int) -> None:
    if not threads:
        return
    import cv2

    cv2.setNumThreads(threads)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


def _gpu_memory_mb() -> float | None:
    if "torch" not in sys.modules:
        return None
    import torch

    held = torch.cuda.max_memory_allocated()  # 0 if no GPU was used
    return held / 1e6 if held else None
