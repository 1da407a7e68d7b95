"""The steps of a stage: each with its log, validation and checkpoint, and its end by a signal."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import torch  # noqa: TID253 - only imported by training

from ebb.errors import UsageError
from ebb.pytorch import as_memory_error
from ebb.stop import HeldSignals, stopped_by
from ebb_train.networks.files import save_any
from ebb_train.training.checkpoint import Position, save_checkpoint
from ebb_train.training.trainer import Diverged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lightning_fabric import Fabric

    from ebb.stop import Terminated
    from ebb_train.data.dataset import Batch
    from ebb_train.settings import ScheduledStage
    from ebb_train.training.context import TrainingContext
    from ebb_train.training.monitor import Monitor
    from ebb_train.training.trainer import Trainer

BATCHES_HINT = "lower --micro-batch, which changes no result, or --crop; the last checkpoint is kept"
PHOTOS_HINT = (
    "validation renders whole photos: a data set of a lower ebb align --height needs less; "
    "the last checkpoint is kept"
)
"""Hints where memory runs out."""

STOPPING = "stopping after this step; a second signal ends it at once"


class StageSteps:
    """The steps of one stage.

    Args:
        context: Of the run.
        stage: The stage, and where it is in the run.
        trainer: Holds the network as it was before step ``first``.
        monitor: Logs and validates.
        first: The step to begin with, from 1.
    """

    def __init__(
        self, context: TrainingContext, stage: ScheduledStage, trainer: Trainer, monitor: Monitor, first: int
    ) -> None:
        self._context, self._stage, self._trainer, self._monitor = context, stage, trainer, monitor
        self._done = self._saved = first - 1
        self._is_in_step = False
        """Whether the weights may be between those of two steps."""

    def do(self, step: int, batches: Iterator[Batch]) -> None:
        """Do the next step: training, log, validation, checkpoint.

        Raises:
            EbbError: as :func:`ebb_train.training.training.train_stage`.
            KeyboardInterrupt: SIGINT came during the step, which is done.
            Terminated: SIGTERM came.
        """
        plan, fabric = self._stage.plan, self._context.fabric
        position = self._position(step)
        with HeldSignals(STOPPING if fabric.is_global_zero else "") as held:
            with (
                _naming_step(position, self._context.out, BATCHES_HINT),
                as_memory_error(f"batches of {plan.batch} crops of {plan.crop} pixels"),
            ):
                self._is_in_step = True
                terms = self._trainer.step(batches)
                self._is_in_step = False
            self._monitor.step(position, terms, plan.batch)
            self._done = step
            if number := _of_any_rank(fabric, held.number):
                self._monitor.advance(position)
                self.save()  # here, as the handler of a script may end the process
                raise stopped_by(number)
        self._validate(position)
        if self._is_last(step) or step % self._context.compute.checkpoint_every == 0:
            self.save()
        self._monitor.advance(position)

    def validate_if_missing(self) -> None:
        """Do the validation that a stop has prevented, after the last step before it.

        Raises:
            EbbError: as :func:`ebb_train.training.training.train_stage`.
        """
        position, folder = self._position(self._done), self._context.folder
        is_missing = self._done > 0 and not (folder and folder.has_validation(position.total))
        if self._context.fabric.broadcast(is_missing):
            self._validate(position)

    def save(self) -> None:
        """Write a checkpoint, and after the last step of the stage its weights, unless that has been done.

        Nothing is written in the middle of a step.

        Raises:
            OutputError: the run folder cannot be written.
        """
        folder, position = self._context.folder, self._position(self._done)
        if folder is None or self._done == self._saved or self._is_in_step:
            return
        if self._is_last(self._done):
            source = f"ebb-train fit, {position.title}"
            save_any(folder.stage_weights(position.stage), self._trainer.averaged_network, source=source)
        save_checkpoint(folder.path, self._trainer.network, self._trainer.state(), position, folder.identity)
        self._saved = self._done

    def as_stopped(self, error: KeyboardInterrupt | Terminated) -> KeyboardInterrupt | Terminated:
        """The exception of a signal with a message that says where the run goes on."""
        done, title = self._saved, self._stage.plan.title
        where = f"after step {done} of {title}" if done else f"before the first step of {title}"
        return type(error)(f"stopped {where}; run the same command again to go on")

    def _position(self, step: int) -> Position:
        stage = self._stage
        return Position(stage=stage.plan.key, step=step, total=stage.steps_before + step)

    def _is_last(self, step: int) -> bool:
        return step == self._stage.plan.iterations

    def _validate(self, position: Position) -> None:
        with _naming_step(position, self._context.out, PHOTOS_HINT):
            self._monitor.validate_if_due(position, self._trainer)


def all_or_none(fabric: Fabric) -> AbstractContextManager[object]:
    """Let several processes end after the same step: signals are heeded where all of them ask for one.

    A single process can also be stopped between two steps.
    """
    return HeldSignals() if fabric.world_size > 1 else nullcontext()


def _of_any_rank(fabric: Fabric, number: int) -> int:
    """The signal that came to any of the processes; 0 for none."""
    if fabric.world_size == 1:
        return number
    return int(torch.as_tensor(fabric.all_reduce(torch.tensor(number), reduce_op="max")))


@contextmanager
def _naming_step(position: Position, out: Path, memory_hint: str) -> Iterator[None]:
    """Add the stage and the step to errors.

    Raises:
        UsageError: in place of MemoryError.
        Diverged: with a longer message.
    """
    where = f"{position.title}, step {position.step}"
    try:
        yield
    except MemoryError as error:
        raise UsageError(f"{where}: {error}", path=out, hint=memory_hint) from error
    except Diverged as error:
        hint = "the last checkpoint is kept; a lower learning rate or --precision fp32 may help"
        raise Diverged(f"{where}: {error.message}", path=out, hint=hint) from error
