"""Running a verb of a command line: shared by ``ebb`` and ``ebb-train``."""

from __future__ import annotations

import contextlib
import errno
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import cyclopts
from cyclopts import App, Group, Parameter

from ebb.console import Console
from ebb.errors import EbbError, ExitCode, InvalidInput, OutputError, UsageError
from ebb.streams import prepare_streams

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

FLAG_TITLES = (
    *("Network", "Training", "Log", "Rendering", "Scores", "Timing", "File", "Checks", "Phone"),
    *("Pairing", "Alignment", "Limits of rejection", "Depth", "Shards", "Scenes"),
    *("Compute", "Workers", "Data set", "Output"),
)
"""Titles of groups of flags, in the order of the help."""

_GROUPS = {title: Group(title, sort_key=number) for number, title in enumerate(FLAG_TITLES, start=1)}


def flags(title: str) -> Parameter:
    """Make every field of a dataclass a flag, listed under a title; the field comments are the help texts."""
    return Parameter(name="*", group=_GROUPS[title])


STOPPED = "stopped; what was finished is kept, run the same command again to go on"


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


class _Terminated(BaseException):
    """SIGTERM, made an exception so that what is open gets closed."""


def run_verb(app: App, arguments: Sequence[str]) -> ExitCode:
    """Run one verb; every expected failure is one line and an exit code, never a traceback.

    Args:
        app: The command line; it must not suppress keyboard interrupts itself.
        arguments: What the user typed after the command's name.
    """
    prepare_streams()
    console = Console(program=app.name[0], as_json="--json" in arguments)
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may start us with it ignored
    try:
        code = app(arguments, result_action="return_value", exit_on_error=False, print_error=False)
    except EbbError as error:
        return _fail(console, error)
    except OSError as error:
        if (told := _as_told(error)) is None:
            raise
        return _fail(console, told)
    except cyclopts.CycloptsError as error:
        return _fail(console, _usage(app.name[0], error))
    except KeyboardInterrupt:
        console.note(STOPPED)
        return ExitCode.INTERRUPTED
    except _Terminated:
        console.note(STOPPED)
        return ExitCode.TERMINATED
    return code if isinstance(code, ExitCode) else ExitCode.DONE


def _fail(console: Console, error: EbbError) -> ExitCode:
    with contextlib.suppress(OutputError):  # where --json goes: it takes no more
        console.error(error)
    return error.exit_code


def _usage(program: str, error: cyclopts.CycloptsError) -> UsageError:
    """What cyclopts says of flags and arguments, in one line as everything else."""
    message = str(error)
    if not message.endswith("..."):
        message = message.removesuffix(".")
    if isinstance(error, cyclopts.UnusedCliTokensError):
        message = f"not expected: {' '.join(error.unused_tokens or ())}"
    return UsageError(
        message[:1].lower() + message[1:], hint=" ".join([program, *(error.command_chain or ()), "--help"])
    )


def _as_told(error: OSError) -> EbbError | None:
    """What the operating system refused, if it says of which file or that there is no space; else a bug."""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return OutputError(f"cannot write it: {reason}", path=error.filename)
    return InvalidInput(reason, path=error.filename) if error.filename is not None else None


def _terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
    raise _Terminated
