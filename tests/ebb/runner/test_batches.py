"""Items in batches: the outcomes of single ones, whatever happens to the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.errors import OutputError, Reason, Status
from ebb.runner.batches import Batching, in_batches, run_batches
from ebb.runner.items import Outcome
from ebb.runner.run import run_items
from ebb.settings import RunSettings
from tests.helpers.doubles import Done, Job, finish, together, work

SETTINGS = RunSettings(workers=1, memory_limit=False)


def key_of(job: Job) -> str:
    return job.key


def run(jobs: Sequence[Job], size: int = 4, settings: RunSettings = SETTINGS) -> list[Outcome[Job, Done]]:
    batching = Batching(size=size, alike=key_of, together=together, finish=finish)
    return list(run_batches(work, jobs, settings, batching))


@given(keys=st.lists(st.sampled_from("abc")), size=st.integers(1, 4))
def test_batches_contain_every_item_once_in_order(keys: list[str], size: int) -> None:
    jobs = [Job(str(i), key=key) for i, key in enumerate(keys)]
    batches = list(in_batches(jobs, size, key_of))
    for key in "abc":
        mine = [batch for batch in batches if batch[0].key == key]
        assert [job for batch in mine for job in batch] == [job for job in jobs if job.key == key]
        assert [len(batch) for batch in mine[:-1]] == [size] * len(mine[:-1])
    assert all(len(batch) <= size for batch in batches)


def test_a_batch_is_done_together() -> None:
    jobs = [Job(str(i)) for i in range(5)]
    outcomes = run(jobs)
    assert [outcome.job for outcome in outcomes] == jobs
    assert [outcome.value and outcome.value.batch for outcome in outcomes] == [4, 4, 4, 4, 1]
    assert all(outcome.outputs == {"doubles.py": "00"} and outcome.seconds > 0 for outcome in outcomes)
    assert run([]) == []


@pytest.mark.parametrize("what", ["reject", "broken", "bug", "memory", "abort", "exit"])
@pytest.mark.parametrize("prefix", ["", "finish "])
def test_a_bad_item_has_the_same_outcome_as_alone(prefix: str, what: str) -> None:
    jobs = [Job("a"), Job("b", what), Job("c")]
    alone = {outcome.job.pair_id: outcome for outcome in run_items(work, jobs, SETTINGS)}
    found = run([replace(job, what=prefix + job.what) if job.what == what else job for job in jobs])
    assert {outcome.job.pair_id for outcome in found} == set("abc")
    for outcome in found:
        same = alone[outcome.job.pair_id]
        assert (outcome.status, outcome.reason) == (same.status, same.reason)
        assert (outcome.detail, outcome.outputs) == (same.detail, same.outputs)


def test_a_batch_that_hangs_is_stopped_and_its_items_done_alone() -> None:
    settings = replace(SETTINGS, item_timeout=0.2)
    outcomes = run([Job("a"), Job("b", "hang")], 2, settings)
    assert [outcome.status for outcome in outcomes] == [Status.OK, Status.ERROR]
    assert outcomes[1].reason is Reason.TIMEOUT
    assert outcomes[1].detail.startswith("stopped after")


def test_missing_results_are_computed_alone() -> None:
    outcomes = run([Job("a"), Job("b", "short")])
    assert [outcome.status for outcome in outcomes] == [Status.OK] * 2
    assert [outcome.value and outcome.value.batch for outcome in outcomes] == [1, 1], "not of the batch"


@pytest.mark.parametrize("what", ["full disk", "finish full disk"])
def test_run_wide_errors_end_the_run(what: str) -> None:
    with pytest.raises(OutputError, match="no space"):
        run([Job("a"), Job("b", what)])
