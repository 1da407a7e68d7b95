"""Run a verb of a command line; shared by ``ebb`` and ``ebb-train``."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import cyclopts
from cyclopts import App, Group, Parameter

from ebb.config import unknown_variables
from ebb.console import Console
from ebb.errors import EbbError, ExitCode, InvalidInput, OutputError, UsageError
from ebb.stop import run_stoppable
from ebb.streams import prepare_streams

if TYPE_CHECKING:
    from collections.abc import Sequence

FLAG_TITLES = (
    *("Network", "Training", "Log", "Lens", "Rendering", "Scores", "Timing", "File", "Checks", "Phone"),
    *("Pairing", "Alignment", "Limits of rejection", "Depth", "Shards", "Scenes"),
    *("Study", "Pictures", "Server", "Compute", "Workers", "Data set", "Output"),
)
"""Titles of groups of flags, in the order of the help."""

_ONLY_TEXT = {"--help", "-h", "--version"}
"""Flags with which a verb only prints."""

_GROUPS = {title: Group(title, sort_key=number) for number, title in enumerate(FLAG_TITLES, start=1)}


def flags(title: str) -> Parameter:
    """Make every field of a dataclass a flag, listed under a title; the field comments are the help texts."""
    return Parameter(name="*", group=_GROUPS[title])


@dataclass(frozen=True, kw_only=True)
class Output:
    """How a verb prints its result."""

    json: bool = False
    """Print the result as one JSON object."""
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False
    """Print errors only."""

    def console(self) -> Console:
        """The console for these flags."""
        return Console(as_json=self.json, quiet=self.quiet)


def run_verb(app: App, arguments: Sequence[str]) -> int:
    """Run one verb; every expected failure is one line and an exit code, without a traceback.

    Args:
        app: The command line; it must not suppress keyboard interrupts itself.
        arguments: What the user typed after the command's name.
    """
    return run_stoppable(partial(_run_verb, app, arguments))


def _run_verb(app: App, arguments: Sequence[str]) -> ExitCode:
    prepare_streams()
    console = Console(program=app.name[0], as_json="--json" in arguments)
    if not {"--quiet", "-q"} & set(arguments):
        for text in unknown_variables(os.environ):
            console.note(f"warning: {text}")
    try:
        _check_current_folder(arguments)
        code = app(arguments, result_action="return_value", exit_on_error=False, print_error=False)
    except EbbError as error:
        return _fail(console, error)
    except (OSError, MemoryError, ImportError, RuntimeError) as error:
        if (told := _as_told(error)) is None:
            raise
        return _fail(console, told)
    except cyclopts.CycloptsError as error:
        return _fail(console, _usage(app.name[0], error))
    return code if isinstance(code, ExitCode) else ExitCode.DONE


def _check_current_folder(arguments: Sequence[str]) -> None:
    """Refuse to work in a folder that was removed: relative paths and worker processes require one.

    Raises:
        UsageError: the current folder does not exist.
    """
    if not arguments or not _ONLY_TEXT.isdisjoint(arguments):
        return
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd is slower to import
    except FileNotFoundError as error:
        raise UsageError("the current folder no longer exists", hint="cd to another folder") from error


def _fail(console: Console, error: EbbError) -> ExitCode:
    with contextlib.suppress(OutputError):  # standard output takes no more
        console.error(error)
    return error.exit_code


def _usage(program: str, error: cyclopts.CycloptsError) -> UsageError:
    """Turn an error of cyclopts about flags and arguments into one line."""
    message = str(error)
    if not message.endswith("..."):
        message = message.removesuffix(".")
    hint = " ".join([program, *(error.command_chain or ()), "--help"])
    if isinstance(error, cyclopts.UnusedCliTokensError):
        message = f"not expected: {' '.join(error.unused_tokens or ())}"
        if "dataset" in _flag_names(error):
            hint = f"the dataset folder is named with --dataset; {hint}"
    elif isinstance(error, cyclopts.MissingArgumentError) and error.argument is not None:
        flag = error.argument.name
        if flag not in (error.root_input_tokens or ()) and not error.tokens_so_far:
            message = f"{flag} is missing"
            return UsageError(message, hint=hint)
    return UsageError(message[:1].lower() + message[1:], hint=hint)


def _flag_names(error: cyclopts.CycloptsError) -> set[str]:
    """Flags of the verb that was typed, without dashes."""
    if error.app is None or error.target is None:
        return set()
    arguments = error.app.assemble_argument_collection()
    return {name.lstrip("-") for argument in arguments for name in argument.names}


_SCARCE = re.compile(
    "failed to map segment|allocate memory|too many open files|start new thread|temporarily unavailable",
    re.IGNORECASE,
)
"""Words of libraries for a limit on memory, files or threads; Python's import system wraps them."""


def _as_told(error: Exception) -> EbbError | None:
    """Translate the refusal of a resource, or of a file that is named; anything else is a bug."""
    reason = getattr(error, "strerror", None) or str(error)
    if isinstance(error, MemoryError) or _SCARCE.search(str(error)):
        return UsageError(
            f"the system is short of memory, files or threads: {reason or 'no memory left'}",
            hint="close other programs, or raise the limits: ulimit -v, -n, -u",
        )
    if not isinstance(error, OSError):
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return OutputError(f"cannot write it: {reason}", path=error.filename)
    return InvalidInput(reason, path=error.filename) if error.filename is not None else None
