"""Defaults of what a stage returns."""

from ebb.errors import Status
from ebb.runner.items import Outcome, Result


def test_an_empty_result() -> None:
    assert Result() == Result(figures={}, outputs={})


def test_an_outcome_keeps_its_job() -> None:
    assert Outcome(job="a", status=Status.OK).job == "a"
