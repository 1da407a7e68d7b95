"""The trainer and the batches of one stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb_train.data.batch_sampler import BatchRange
from ebb_train.data.dataset import CropDataset
from ebb_train.data.loader import micro_batches
from ebb_train.losses import Loss
from ebb_train.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Generator

    from ebb_train.data.dataset import Batch
    from ebb_train.settings import Plan, ScheduledStage
    from ebb_train.training.architecture import NetworkInTraining
    from ebb_train.training.checkpoint import Checkpoint
    from ebb_train.training.context import TrainingContext


def stage_trainer(
    context: TrainingContext, plan: Plan, before: NetworkInTraining | None, checkpoint: Checkpoint | None
) -> Trainer:
    """The trainer of a stage, restored from a checkpoint or at its first step.

    Args:
        context: Of the run.
        plan: Of the stage.
        before: The network of the stage before, if it was trained.
        checkpoint: Of this stage; it takes precedence.
    """
    architecture, settings = context.architecture, context.settings
    if checkpoint:
        network = architecture.restored_network(settings, plan, checkpoint)
    else:
        network = architecture.initial_network(settings, plan, before)
    loss = Loss(plan.loss, context.vgg if plan.loss.vgg else None)
    trainer = Trainer(
        context.fabric,
        network,
        plan,
        loss,
        ema=settings.ema,
        compute=context.compute,
        done=checkpoint.position.step if checkpoint else 0,
    )
    if checkpoint:
        trainer.load_state(checkpoint.training)
    return trainer


def stage_batches(context: TrainingContext, stage: ScheduledStage, done: int) -> Generator[Batch, None, None]:
    """The micro-batches of this rank after ``done`` steps of a stage, up to its last step."""
    plan = stage.plan
    batch_range = BatchRange(
        start=stage.samples_before + done * plan.batch,
        batches=plan.iterations - done,
        batch=plan.batch,
        micro_batch=context.compute.micro_batch,
        rank=context.fabric.global_rank,
        ranks=context.fabric.world_size,
    )
    on_gpu = context.fabric.device.type == "cuda"
    samples = CropDataset(context.source, context.architecture.crops(plan, context.settings))
    return micro_batches(samples, batch_range, workers=context.compute.num_loaders, pin_memory=on_gpu)
