"""The error classes: messages and exit codes."""

from __future__ import annotations

import pickle
from importlib import metadata
from pathlib import Path

import pytest

from ebb.errors import (
    Broken,
    DatasetLocked,
    EbbError,
    InvalidInput,
    ItemError,
    MissingDependency,
    OutputError,
    Reason,
    Rejected,
    Status,
    UsageError,
    install_extra,
)


@pytest.mark.parametrize(
    ("cls", "code"),
    [(UsageError, 2), (InvalidInput, 4), (OutputError, 5), (MissingDependency, 6), (DatasetLocked, 75)],
)
def test_exit_codes(cls: type[EbbError], code: int) -> None:
    assert cls("it broke").exit_code == code


def test_a_message_has_path_cause_and_hint() -> None:
    error = InvalidInput("not a shard", path=Path("a.parquet"), hint="make it again")
    assert str(error) == "a.parquet: not a shard (make it again)"
    assert str(InvalidInput("not a shard")) == "not a shard"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_advice(reason: Reason) -> None:
    assert len(reason.advice) > 10
    assert reason.advice[0].islower()


def test_item_errors_carry_reason_status_and_measurements() -> None:
    error = Rejected(Reason.LOW_OVERLAP, "0.4 of the frame", measurements={"overlap": 0.4})
    assert (error.status, error.reason, error.measurements) == (
        Status.REJECTED,
        Reason.LOW_OVERLAP,
        {"overlap": 0.4},
    )
    assert Reason.LOW_OVERLAP.advice in str(error)
    assert Broken(Reason.UNREADABLE, "no").status is Status.ERROR
    assert issubclass(Broken, ItemError)


def test_run_wide_errors_can_be_pickled() -> None:
    error = OutputError("no space", path="a.png", hint="make space")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.exit_code) == (str(error), 5)


def test_an_error_can_be_given_a_path() -> None:
    error = Rejected(Reason.BAD_DEPTH, "bad aspect", measurements={"aspect_difference": 0.2})
    named = error.with_path("a_depth.png")
    assert isinstance(named, Rejected)
    assert (named.path, named.reason, named.message) == (
        "a_depth.png",
        Reason.BAD_DEPTH,
        "bad aspect",
    )
    assert named.measurements == {"aspect_difference": 0.2}


def test_the_command_for_an_extra_names_the_distribution() -> None:
    assert install_extra("heic") == "pip install 'ebb-bokeh[heic]'"


def test_an_extra_of_a_checkout_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert install_extra("heic") == "pip install '.[heic]' in the checkout"
