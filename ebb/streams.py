"""Output to standard output and standard error, also if they are closed, full or without a reader."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from ebb.errors import OutputError

if TYPE_CHECKING:
    from typing import TextIO


def prepare_streams() -> None:
    """Prepare both streams for any text; a closed one is redirected to the null device."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            _lead_nowhere(number)
            setattr(sys, name, os.fdopen(number, "w", closefd=False))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Print on standard output. A closed pipe (``| head``) is no error.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        print(text, flush=True)  # noqa: T201 - this module is the one that prints
    except BrokenPipeError:
        _give_up(sys.stdout)
    except OSError as error:
        _give_up(sys.stdout)
        raise OutputError(f"cannot write it: {error.strerror}", path="standard output") from error


def say_aside(text: str) -> None:
    """Print on standard error; an error of the stream is ignored."""
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - as above
    except OSError:
        _give_up(sys.stderr)


def _give_up(stream: TextIO) -> None:
    """Redirect a stream to the null device, so that Python does not flush its buffer again at exit."""
    with contextlib.suppress(OSError, ValueError):
        _lead_nowhere(stream.fileno())


def _lead_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
