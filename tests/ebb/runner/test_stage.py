"""Mapping a stage over pairs: what is done again, what is kept, what is counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from ebb.errors import ExitCode, Reason, Status
from ebb.progress import SilentProgress
from ebb.runner.items import Outcome
from ebb.runner.stage import StageReport, current_value, needs_work, run_pairs
from ebb.settings import RunSettings
from ebb.state import StageRow, State
from tests.helpers.doubles import DOUBLE, Done, Job, work


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state.sqlite")


HERE = Path(__file__).parents[2] / "helpers"
"""Holds the file that the double names as its output."""


def job(pair_id: str, what: str = "work", key: str = "key", folder: Path = HERE) -> Job:
    return Job(pair_id, what, key, folder)


def run(state: State, jobs: list[Job], settings: RunSettings) -> StageReport:
    return run_pairs(
        state, DOUBLE, jobs, work, settings, SilentProgress(), upstream=lambda job: f"of {job.key}"
    )


def test_rows_are_recorded_and_only_failed_items_are_repeated(state: State) -> None:
    jobs = [job("fine"), job("no", "reject"), job("bad", "broken")]
    report = run(state, jobs, RunSettings(workers=1))
    assert (report.total, report.unchanged, report.ok, report.rejected, report.failed) == (3, 0, 1, 1, 1)
    assert report.reasons == {"low_overlap": 1, "unreadable": 1}
    before = state.stage_rows(DOUBLE)
    assert before["fine"].outputs == {"doubles.py": "00"}
    assert before["fine"].value is not None
    assert before["fine"].value.name == "fine"
    assert (before["no"].value, before["no"].measurements) == (None, {"overlap": 0.4})
    assert {row.upstream for row in before.values()} == {"of key"}

    repaired = [job("fine", "bug"), job("no", "bug"), job("bad")]
    report = run(state, repaired, RunSettings(workers=1))
    assert (report.unchanged, report.ok, report.rejected, report.failed) == (2, 2, 1, 0)
    assert state.stage_rows(DOUBLE)["no"] == before["no"]


def test_another_key_is_done_again(state: State) -> None:
    run(state, [job("a", key="1")], RunSettings(workers=1))
    assert run(state, [job("a", key="2")], RunSettings(workers=1)).unchanged == 0
    assert current_value(state.stage_rows(DOUBLE), "a", "2")
    assert not current_value(state.stage_rows(DOUBLE), "a", "1")
    assert not current_value(state.stage_rows(DOUBLE), "b", "2")


def test_the_row_is_removed_before_a_file_is_replaced(state: State) -> None:
    for pair_id in "ab":
        done = Done(pair_id, 1, None)
        state.put_stage(StageRow(pair_id=pair_id, stage=DOUBLE, key="1", status=Status.OK, value=done))
    begun = []

    def stopped(work: object, jobs: Iterable[Job], settings: RunSettings) -> Iterator[Outcome[Job, Done]]:
        begun.append(next(iter(jobs)).pair_id)
        yield from ()

    jobs = [job("a", key="2"), job("b", key="2")]
    run_pairs(state, DOUBLE, jobs, work, RunSettings(), SilentProgress(), stopped)
    assert begun == ["a"]
    assert set(state.stage_rows(DOUBLE)) == {"b"}, "a pair that was not begun keeps its row"


def test_a_pair_with_missing_files_is_done_again(state: State, tmp_path: Path) -> None:
    run(state, [job("a")], RunSettings(workers=1))
    assert run(state, [job("a")], RunSettings(workers=1)).unchanged == 1
    assert run(state, [job("a", folder=tmp_path)], RunSettings(workers=1)).unchanged == 0


def test_rejected_pairs_are_repeated_on_request() -> None:
    row: StageRow[Done] = StageRow(
        pair_id="a", stage=DOUBLE, key="k", status=Status.REJECTED, reason=Reason.PARALLAX
    )
    assert not needs_work(row, job("a", key="k"), RunSettings())
    assert needs_work(row, job("a", key="k"), RunSettings(retry_rejected=True))
    assert needs_work(row, job("a", key="other"), RunSettings())
    assert needs_work(None, job("a", key="k"), RunSettings())


def test_exit_code_follows_failures_and_the_limit_on_rejections() -> None:
    assert StageReport(stage="align", total=10, rejected=2).exit_code(1.0) is ExitCode.DONE
    assert StageReport(stage="align", total=10, rejected=2).exit_code(0.1) is ExitCode.ITEMS_FAILED
    assert StageReport(stage="align", total=10, failed=1).exit_code(1.0) is ExitCode.ITEMS_FAILED
    assert StageReport(stage="align").exit_code(0.0) is ExitCode.DONE


def test_report_as_json() -> None:
    report = StageReport(stage="align", total=1)
    report.add(Status.REJECTED, Reason.PARALLAX)
    assert report.as_dict() == {
        "stage": "align",
        "total": 1,
        "unchanged": 0,
        "ok": 0,
        "rejected": 1,
        "failed": 0,
        "reasons": {"parallax": 1},
    }
