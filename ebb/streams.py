"""Standard output and standard error, also when they are closed, full or their reader is gone."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from ebb.errors import OutputError

if TYPE_CHECKING:
    from typing import TextIO


def prepare_streams() -> None:
    """Make both fit to print any text; one that was closed leads nowhere, not into the next file opened."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            _lead_nowhere(number)
            setattr(sys, name, os.fdopen(number, "w", closefd=False))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Print on standard output. A reader that has seen enough and left (``| head``) is no error.

    Raises:
        OutputError: it takes no more.
    """
    try:
        print(text, flush=True)  # noqa: T201 - this module is the one that prints
    except BrokenPipeError:
        _give_up(sys.stdout)
    except OSError as error:
        _give_up(sys.stdout)
        raise OutputError(f"cannot write it: {error.strerror}", path="standard output") from error


def say_aside(text: str) -> None:
    """Print on standard error; if it takes no more, go on without: the work matters more than its log."""
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - as above
    except OSError:
        _give_up(sys.stderr)


def _give_up(stream: TextIO) -> None:
    """Let what is still in the buffer go nowhere, or Python would try it again at its end."""
    with contextlib.suppress(OSError, ValueError):
        _lead_nowhere(stream.fileno())


def _lead_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
