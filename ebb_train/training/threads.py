"""The number of PyTorch's threads on a CPU, chosen for each stage and kept when the run resumes.

Threads wait for each other after every operation. Where a network is thin or another program uses a core, one
thread is faster than one a core: at width 1/8, with one other program on two cores, a step took 2.7 (level 5)
to 4 times (level 4) as long with two threads. The number changes the last bits of sums, so it is recorded in
the run folder.
"""

from __future__ import annotations

import math
import statistics
import time
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - only imported by training

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebb_train.settings import Plan
    from ebb_train.training.context import TrainingContext

REPEATS = 3
"""Timed steps for each number of threads, after one that is not timed."""

LONG_SECONDS = 2.0
"""A step that takes longer is measured once, without a warm-up."""

TOLERANCE = 1.1
"""Fewer threads are preferred when their step takes at most this many times as long as the fastest."""


class Threads:
    """Sets the number of threads for the stages of a run.

    Args:
        context: What the run computes with; ``compute.threads`` takes precedence over measuring.
    """

    def __init__(self, context: TrainingContext) -> None:
        self._context, self._most = context, torch.get_num_threads()

    def close(self) -> None:
        """Restore the number of threads from before the run."""
        torch.set_num_threads(self._most)

    def use_for(self, plan: Plan) -> None:
        """Set the number of threads of a stage: as requested, as recorded, or measured and recorded.

        Raises:
            OutputError: it cannot be recorded.
        """
        context, folder = self._context, self._context.folder
        if context.fabric.device.type != "cpu":
            torch.set_num_threads(context.compute.threads or self._most)
            return
        threads = 0
        if context.fabric.is_global_zero:
            recorded = folder.threads(plan.key) if folder else 0
            threads = context.compute.threads or recorded or self._measure(plan)
            if folder and threads != recorded:
                folder.record_threads(plan.key, threads)
        torch.set_num_threads(context.fabric.broadcast(threads))  # all processes use the same number

    def _measure(self, plan: Plan) -> int:
        if self._most == 1:
            return 1
        with torch.random.fork_rng(devices=[]):
            return fewest_threads(_training_step(self._context, plan), self._most)


def fewest_threads(step: Callable[[], object], most: int) -> int:
    """Measure which number of threads is fastest; of similar ones take the smallest.

    Args:
        step: Does the work.
        most: Largest number of threads. It is halved until the step takes longer again.
    """
    seconds: dict[int, float] = {}
    fastest = math.inf
    for threads in (math.ceil(most / 2**k) for k in range((most - 1).bit_length() + 1)):
        torch.set_num_threads(threads)
        seconds[threads] = _measured_seconds(step)
        if seconds[threads] > TOLERANCE * fastest:
            break
        fastest = min(fastest, seconds[threads])
    return min(threads for threads, needed in seconds.items() if needed <= TOLERANCE * fastest)


def _measured_seconds(step: Callable[[], object]) -> float:
    """Time of a step: the median of several, or a single one where it is long."""
    first = _seconds(step)
    if first > LONG_SECONDS:
        return first
    return statistics.median(_seconds(step) for _ in range(REPEATS))


def _seconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _training_step(context: TrainingContext, plan: Plan) -> Callable[[], None]:
    """A forward and a backward pass over noise by a network of its own: the run is not touched."""
    network = context.architecture.initial_network(context.settings, plan, None).train()
    samples = plan.batch // context.fabric.world_size
    samples = min(samples, context.compute.micro_batch or samples)
    photo, planes = context.architecture.noise(plan, samples)

    def step() -> None:
        with context.fabric.autocast():
            output = network(photo, **planes)
        pictures = [output] if isinstance(output, torch.Tensor) else output
        loss: Any = torch.stack([picture.float().mean() for picture in pictures]).sum()
        loss.backward()
        network.zero_grad()

    return step
