"""Map a stage over pairs: skip those that are done, process the rest, record and count every outcome."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from ebb.errors import ExitCode, Status
from ebb.runner.run import run_items
from ebb.state import StageRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ebb.progress import Progress
    from ebb.runner.items import Outcome, Work
    from ebb.settings import RunSettings
    from ebb.state import Stage, State


class PairJob(Protocol):
    """Input of a stage for one pair; stages add fields."""

    @property
    def pair_id(self) -> str:
        """The pair."""
        ...

    @property
    def key(self) -> str:
        """Its stage key."""
        ...

    @property
    def folder(self) -> Path:
        """Where its outputs are."""
        ...


Job = TypeVar("Job", bound=PairJob)
T = TypeVar("T")

Runner: TypeAlias = "Callable[[Work[Job, T], Iterable[Job], RunSettings], Iterator[Outcome[Job, T]]]"
"""Does every job and yields one outcome each, as :func:`ebb.runner.run.run_items`."""


@dataclass(kw_only=True)
class StageReport:
    """Counts of one stage, for its summary and for ``--json``."""

    stage: str
    total: int = 0
    unchanged: int = 0
    """Done by an earlier run with the same key."""
    ok: int = 0
    rejected: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def notes(self) -> list[str]:
        """What people should know beside the counts, one line each."""
        return []

    def add(self, status: Status, reason: str | None) -> None:
        """Count one row, of this run or of an earlier one."""
        self.ok += status is Status.OK
        self.rejected += status is Status.REJECTED
        self.failed += status is Status.ERROR
        if reason:
            self.reasons[reason] += 1

    def exit_code(self, max_reject: float) -> ExitCode:
        """3 when something failed or more than the share ``max_reject`` was rejected, else 0."""
        too_many = self.rejected > max_reject * max(self.total, 1)
        return ExitCode.ITEMS_FAILED if self.failed or too_many else ExitCode.DONE

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values, for ``--json``."""
        return {**self.__dict__, "reasons": dict(sorted(self.reasons.items()))}


def run_pairs(
    state: State,
    stage: Stage[T],
    jobs: Sequence[Job],
    work: Work[Job, T],
    settings: RunSettings,
    progress: Progress,
    runner: Runner[Job, T] = run_items,
    upstream: Callable[[Job], str] = lambda _: "",
    together: Callable[[Job], str] = lambda job: job.pair_id,
    title: str = "",
) -> StageReport:
    """Run a stage for every pair that needs it; each row is committed before the next is counted.

    Args:
        state: Where rows are kept.
        stage: The stage.
        jobs: Its pairs.
        work: Processes one pair.
        settings: How the run is carried out.
        progress: Shows every pair.
        runner: Carries out the work.
        upstream: Key of the stage that a job takes its input from.
        together: Jobs of equal value are done again together: all of them, or none.
        title: Name shown by the progress; by default that of the stage.
    """
    rows = state.stage_rows(stage)
    wanted = {together(job) for job in jobs if needs_work(rows.get(job.pair_id), job, settings)}
    todo = [job for job in jobs if together(job) in wanted]
    left = {job.pair_id for job in todo}
    report = StageReport(stage=stage.name, total=len(jobs), unchanged=len(jobs) - len(todo))
    for job in jobs:
        if job.pair_id not in left:
            report.add(rows[job.pair_id].status, rows[job.pair_id].reason)
    progress.start(title or stage.name, len(todo))
    try:
        for outcome in runner(work, _begun(state, rows, todo), settings):
            state.put_stage(_row(stage, outcome, upstream(outcome.job)))
            report.add(outcome.status, outcome.reason)
            progress.advance(outcome.job.pair_id, outcome.status, outcome.reason, outcome.detail)
    finally:
        progress.finish()
    return report


def _begun(state: State, rows: Mapping[str, StageRow[T]], jobs: Iterable[Job]) -> Iterator[Job]:
    """Yield each job after removing its row of an earlier run.

    So no row says that a pair is done while its files are being replaced, wherever the run stops.
    """
    for job in jobs:
        if job.pair_id in rows:
            state.drop_stage(rows[job.pair_id])
        yield job


def needs_work(row: StageRow[Any] | None, job: PairJob, settings: RunSettings) -> bool:
    """Whether a pair must be processed: it is new, its inputs changed, it failed, or its files are gone."""
    if row is None or row.key != job.key or row.status is Status.ERROR:
        return True
    if row.status is Status.REJECTED:
        return settings.retry_rejected
    return not all((job.folder / name).exists() for name in row.outputs)


def current_value(rows: Mapping[str, StageRow[T]], pair_id: str, key: str) -> T | None:
    """The stored result of a pair that passed a stage with this key; ``None`` if it did not."""
    row = rows.get(pair_id)
    return row.value if row is not None and row.key == key else None


def _row(stage: Stage[T], outcome: Outcome[Job, T], upstream: str) -> StageRow[T]:
    return StageRow(
        pair_id=outcome.job.pair_id,
        stage=stage,
        key=outcome.job.key,
        status=outcome.status,
        upstream=upstream,
        reason=outcome.reason,
        detail=outcome.detail,
        value=outcome.value,
        measurements=outcome.measurements,
        outputs=outcome.outputs,
        seconds=outcome.seconds,
    )
