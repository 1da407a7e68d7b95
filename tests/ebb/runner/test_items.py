"""Defaults of what a stage returns."""

from ebb.errors import Status
from ebb.runner.items import Outcome, Result


def test_a_result_without_files() -> None:
    assert Result(value=3) == Result(value=3, outputs={})


def test_an_outcome_has_its_job_and_a_value_only_on_success() -> None:
    outcome: Outcome[str, int] = Outcome(job="a", status=Status.ERROR)
    assert (outcome.job, outcome.value, outcome.measurements) == ("a", None, {})
