"""How the verbs that run all stages end: the result of a pipeline, its files and the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.errors import InvalidInput
from ebb.report import next_steps
from ebb.report.summary import pipeline_text

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.console import Console
    from ebb.errors import EbbError, ExitCode
    from ebb.pipeline import PipelineReport


def show_result(
    console: Console, report: PipelineReport, source: Path, dataset: Path, max_reject: float
) -> ExitCode:
    """Print what a pipeline did.

    Args:
        console: The output of the verb.
        report: The result.
        source: The folder that was read, as the user wrote it.
        dataset: The dataset folder, likewise.
        max_reject: Share of rejected pairs from which the exit code is 3.

    Returns:
        The exit code of the verb.
    """
    splits = report.shards.splits if report.shards else None
    after = next_steps.after_run(source, report.status.pairs, dataset, splits)
    problem = report.problem and _said_once(report.problem, after)
    console.result(
        report.as_dict(), pipeline_text(report), problem, look_at=report.to_look_at, next_step=after
    )
    return report.exit_code(max_reject)


def _said_once(problem: EbbError, next_step: str) -> EbbError:
    """The problem without a hint that names the same verb as the next step."""
    verb = " ".join(next_step.split()[:2])
    return InvalidInput(problem.message, path=problem.path) if verb in problem.hint else problem
