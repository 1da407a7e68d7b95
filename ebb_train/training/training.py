"""Training of all stages, each of which starts from the one before; of PyNET level 7 first.

An interrupted run resumes when it is started again; on a CPU the results are the same to the bit, as the run
folder records the number of threads. The data loader has no state to save: the stream of samples is a
function of the seed and the position in it.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ebb.names import counted
from ebb.progress import SilentProgress
from ebb.stop import Terminated
from ebb_train import optional
from ebb_train.models.weights_path import best_weights, stage_weights
from ebb_train.training.architecture import width_of
from ebb_train.training.checkpoint import newest_checkpoint
from ebb_train.training.context import DEFAULT_MONITOR, open_context
from ebb_train.training.eta import find_workload
from ebb_train.training.monitor import BEST_BY, Monitor
from ebb_train.training.page import PAGE
from ebb_train.training.run_folder import best_validation
from ebb_train.training.setup import as_launched, is_first_here
from ebb_train.training.stage import stage_batches, stage_trainer
from ebb_train.training.steps import StageSteps, all_or_none
from ebb_train.training.threads import Threads
from ebb_train.training.trainer import arithmetic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ebb.progress import Progress
    from ebb_train.networks.files import Config
    from ebb_train.settings import ComputeSettings, FitSettings, MonitorSettings, ScheduledStage
    from ebb_train.training.architecture import NetworkInTraining
    from ebb_train.training.checkpoint import Checkpoint
    from ebb_train.training.context import TrainingContext
    from ebb_train.training.trainer import Trainer

SCORE_TEXTS = {
    "psnr": "PSNR {:.2f} dB",
    "ssim": "SSIM {:.4f}",
    "ms_ssim": "MS-SSIM {:.4f}",
    "lpips": "LPIPS {:.4f}",
}
"""Metric → its score as text, in the order in which they are printed."""


@dataclass(frozen=True, kw_only=True)
class FitReport:
    """The result of a run."""

    run: Path
    weights: Path
    """The weights that the run folder stands for: the best of the last stage; unvalidated, the last."""
    steps: int
    """Of all stages, with those of earlier starts."""
    resumed_at: int
    """Steps that were done before this start."""
    rank: int = 0
    """Of this process among those that trained; only rank 0 should report."""
    scores: dict[str, float] = field(default_factory=dict)
    """Of :attr:`weights` in validation, metric → mean; empty if nothing was scored."""
    scored_on: str = ""
    """The pairs they were validated on: ``8 val pairs``."""

    @property
    def page(self) -> Path:
        """The page with the curves and pictures of the run."""
        return self.run / PAGE

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        values = {
            "run": self.run,
            "weights": self.weights,
            "steps": self.steps,
            "resumed_at": self.resumed_at,
        }
        return values | {"scores": self.scores, "scored_on": self.scored_on}

    def text(self) -> str:
        """Steps, scores and the weights file."""
        known = (form.format(self.scores[name]) for name, form in SCORE_TEXTS.items() if name in self.scores)
        scores = ", ".join(known)
        scored = f"{scores} on {self.scored_on}" if scores else "not scored: no pairs to validate on"
        return f"{self.steps:,} steps; {scored}\nweights: {self.weights}"


def fit(
    dataset: Path,
    out: Path,
    config: Config,
    settings: FitSettings,
    compute: ComputeSettings,
    monitor_settings: MonitorSettings = DEFAULT_MONITOR,
    *,
    progress: Progress | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> FitReport:
    """Train all stages, of PyNET levels 7 … ``config.level``, or resume.

    Args:
        dataset: A dataset folder, its folder of shards, or an EBB! folder; its train pairs are used.
        out: The run folder.
        config: The network; of PyNET also the last level to train.
        settings: Settings that determine the result.
        compute: Settings that do not.
        monitor_settings: Settings of logging and validation.
        progress: Receives every step.
        note: Called with one line of text for the user.

    Raises:
        UsageError: settings that do not go together, or are not those of the run folder.
        InvalidInput: the data set or all checkpoints are broken.
        MissingDependency: PyTorch Lightning Fabric, TensorBoard, a GPU or the VGG-19 weights are missing.
        Diverged: the loss is not finite.
        OutputError: the run folder cannot be written.
        DatasetLocked: another process trains in the run folder.
        ProcessLost: one of several processes has ended.
        LoadersLost: the processes that prepare samples die again and again.
    """
    optional.tensorboard()
    compute, note = as_launched(compute), note if is_first_here() else _silent
    with (
        _seeded(settings.seed),
        open_context(dataset, out, config, settings, compute, monitor_settings, note) as context,
        closing(Threads(context)) as threads,
    ):
        if not context.fabric.is_global_zero:
            progress, note = None, _silent
        checkpoint, resumed_at = resume(context, threads, note)
        with closing(_monitor(context, monitor_settings, progress, resumed_at)) as monitor:
            network: NetworkInTraining | None = None
            for stage in context.schedule.stages():
                if checkpoint and stage.plan.key != checkpoint.position.stage:
                    continue  # completed earlier
                threads.use_for(stage.plan)
                first = checkpoint.position.step + 1 if checkpoint else 1
                trainer = stage_trainer(context, stage.plan, network, checkpoint)
                train_stage(context, stage, trainer, monitor, first)
                network = context.architecture.handed_on(
                    stage.plan, trainer.network, trainer.averaged_network
                )
                checkpoint = None
    last = context.schedule.rows[-1].key
    best = best_validation(out, last, BEST_BY) if context.fabric.is_global_zero else None
    return FitReport(
        run=out,
        weights=best_weights(out, last) if best else stage_weights(out, last),
        steps=context.schedule.steps,
        resumed_at=resumed_at,
        rank=context.fabric.global_rank,
        scores=dict(best["validation"]) if best else {},
        scored_on=counted(best["pairs"], f"{best['split']} pair") if best else "",
    )


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch's global generator within the context; it determines no result, but is in checkpoints."""
    torch = optional.torch()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        yield


def train_stage(
    context: TrainingContext, stage: ScheduledStage, trainer: Trainer, monitor: Monitor, first: int
) -> None:
    """Train one stage.

    SIGINT and SIGTERM end it after the step under way, whose checkpoint is written.

    Args:
        context: Of the run.
        stage: The stage, and where it is in the run.
        trainer: Holds the network as it was before step ``first``.
        monitor: Logs and validates.
        first: The step to begin with, from 1; after the last one, nothing is done.

    Raises:
        Diverged: the loss is not finite.
        UsageError: there is not enough memory.
        InvalidInput: a pair is damaged.
        OutputError: the run folder cannot be written.
        KeyboardInterrupt: SIGINT came; the message names the step.
        Terminated: SIGTERM came.
    """
    monitor.start(stage.plan.key, first - 1)
    steps = StageSteps(context, stage, trainer, monitor, first)
    try:
        with closing(stage_batches(context, stage, first - 1)) as batches, all_or_none(context.fabric):
            steps.validate_if_missing()
            for step in range(first, stage.plan.iterations + 1):
                steps.do(step, batches)
    except (KeyboardInterrupt, Terminated) as error:
        steps.save()
        raise steps.as_stopped(error) from None
    finally:
        monitor.finish()


def resume(
    context: TrainingContext, threads: Threads, note: Callable[[str], None]
) -> tuple[Checkpoint | None, int]:
    """Find the newest checkpoint, set the threads of its stage, and take later steps out of the log.

    Returns:
        The checkpoint, if there is one, and how many steps of all stages are done.

    Raises:
        InvalidInput: there are checkpoints, but none is whole or of this run.
        OutputError: the log cannot be written.
    """
    checkpoint = newest_checkpoint(context.out, context.identity, note)
    done = checkpoint.position.total if checkpoint else 0
    if checkpoint:
        position = checkpoint.position
        threads.use_for(context.schedule.find(position.stage).plan)
        note(f"resuming after step {position.step} of {position.title}")
        before = checkpoint.training["arithmetic"]
        now = arithmetic(context.fabric, context.compute, width_of(context.architecture.config))
        if changes := [
            f"{name} {now[name]}, {before[name]} before" for name in now if now[name] != before[name]
        ]:
            note(f"note: {'; '.join(changes)}: the last bits will differ from those of an uninterrupted run")
    if context.folder:
        context.folder.forget_after(done, note)
    return checkpoint, done


def _monitor(
    context: TrainingContext, settings: MonitorSettings, progress: Progress | None, resumed_at: int
) -> Monitor:
    workload = find_workload(context.schedule, context.architecture.step_cost)
    progress = progress or SilentProgress()
    return Monitor(settings, workload, context.validator, progress, context.folder, resumed_at)


def _silent(_: str) -> None:
    """Print nothing: another process does."""
