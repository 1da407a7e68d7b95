"""Running a verb: exceptions become lines and exit codes."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import pytest
from cyclopts import App, Parameter

from ebb.command import Output, run_verb
from ebb.console import Console
from ebb.errors import ExitCode, OutputError
from ebb.stop import STOPPED


def app_of(action: Callable[[], object]) -> App:
    app = App(name="tool", suppress_keyboard_interrupt=False)
    app.command(action, name="act")
    return app


def fail() -> None:
    raise OutputError("no space", path="a.png", hint="make space")


DENIED, FULL, READ_ONLY = map(os.strerror, (errno.EACCES, errno.ENOSPC, errno.EROFS))


def refuse(number: int, file: str | None = None) -> None:
    """An error of the operating system without more specific handling."""
    raise OSError(number, os.strerror(number), file)


SHORT = (
    "tool: the system is short of memory, files or threads: {} "
    "(close other programs, or raise the limits: ulimit -v, -n, -u)"
)
SHORTAGES: list[tuple[Exception, str]] = [
    (MemoryError(), "no memory left"),
    (MemoryError("for the batch"), "for the batch"),
    (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), os.strerror(errno.EMFILE)),
    (
        ImportError("a.so: failed to map segment from shared object"),
        "a.so: failed to map segment from shared object",
    ),
    (RuntimeError("can't start new thread"), "can't start new thread"),
]


def short_of(error: Exception) -> None:
    raise error


def interrupt() -> None:
    raise KeyboardInterrupt


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(
    ("action", "code", "message"),
    [
        (fail, ExitCode.CANNOT_WRITE, "tool: a.png: no space (make space)"),
        (interrupt, ExitCode.INTERRUPTED, STOPPED),
        (terminate, ExitCode.TERMINATED, STOPPED),
        (
            lambda: refuse(errno.EACCES, "a/b"),
            ExitCode.INVALID_INPUT,
            f"tool: a/b: {DENIED}",
        ),
        (lambda: refuse(errno.ENOSPC), ExitCode.CANNOT_WRITE, f"tool: cannot write it: {FULL}"),
        (lambda: refuse(errno.EROFS, "a"), ExitCode.CANNOT_WRITE, f"tool: a: cannot write it: {READ_ONLY}"),
        *((partial(short_of, error), ExitCode.USAGE, SHORT.format(said)) for error, said in SHORTAGES),
        (lambda: ExitCode.ITEMS_FAILED, ExitCode.ITEMS_FAILED, ""),
        (lambda: None, ExitCode.DONE, ""),
    ],
)
def test_how_a_verb_ends(
    action: Callable[[], object], code: ExitCode, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_verb(app_of(action), ["act"]) is code
    assert capsys.readouterr().err.strip() == message


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["act", "--jsn"], "unknown option: --jsn. Did you mean --json?", "tool act --help"),
        (["act", "a", "b"], "not expected: a b", "tool act --help"),
        (["atc"], 'unknown command "atc". Did you mean "act"? Available commands: act', "tool --help"),
    ],
)
def test_usage_errors_are_one_line_or_json(
    arguments: list[str], message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app = App(name="tool", suppress_keyboard_interrupt=False)

    @app.command
    def act(*, json: bool = False) -> None:
        raise AssertionError

    assert run_verb(app, arguments) is ExitCode.USAGE
    assert capsys.readouterr() == ("", f"tool: {message} ({hint})\n")
    assert run_verb(app, [*arguments, "--json"]) is ExitCode.USAGE
    facts = json.loads(capsys.readouterr().out)
    assert facts == {"error": message, "path": None, "hint": hint, "exit_code": 2}


@dataclass(frozen=True)
class Place:
    dataset: str = "dataset"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["act", "a", "set", "--out", "b"],
            "not expected: set (the dataset folder is named with --dataset",
        ),
        (["act", "a"], "--out is missing (tool act --help)"),
        (["act", "--out", "b"], "RAW_DIR is missing (tool act --help)"),
        (["act", "a", "--out"], "parameter --out requires an argument (tool act --help)"),
        (["act", "a", "--out", "b", "--number"], "parameter --number requires an argument"),
    ],
)
def test_what_is_missing_and_what_is_too_much(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app = App(name="tool", suppress_keyboard_interrupt=False)

    @app.command
    def act(
        raw_dir: str,
        /,
        *,
        out: str,
        number: int = 1,
        common: Annotated[Place, Parameter(name="*")] = Place(),
    ) -> None:
        raise AssertionError

    assert run_verb(app, arguments) is ExitCode.USAGE
    assert told in capsys.readouterr().err


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run_verb(app_of(lambda: 1 / 0), ["act"])
    with pytest.raises(BrokenPipeError):  # of a worker: standard output is looked after
        run_verb(app_of(lambda: refuse(errno.EPIPE)), ["act"])


def test_errors_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    app = App(name="tool")

    @app.command
    def act(json: bool = False) -> None:
        fail()

    assert run_verb(app, ["act", "--json"]) is ExitCode.CANNOT_WRITE
    assert json.loads(capsys.readouterr().out)["exit_code"] == 5


def test_output_flags_make_the_console() -> None:
    console = Output(json=True, quiet=True).console()
    assert isinstance(console, Console)
    assert (console.as_json, console.quiet) == (True, True)


def test_variables_without_effect_cause_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EBB_RUN_WORKER", "7")
    assert run_verb(app_of(lambda: None), ["act"]) is ExitCode.DONE
    assert "warning: the variable EBB_RUN_WORKER has no effect: did you mean EBB_RUN_WORKERS?" in (
        capsys.readouterr().err
    )


def test_a_current_folder_that_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    app = app_of(lambda: 1 / 0)
    assert run_verb(app, ["act"]) == ExitCode.USAGE
    assert capsys.readouterr().err == "tool: the current folder no longer exists (cd to another folder)\n"
    run_verb(app, ["--help"])
    assert "Usage" in capsys.readouterr().out
