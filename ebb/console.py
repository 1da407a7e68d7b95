"""What a person sees: progress with an ETA on a terminal, plain lines elsewhere, tables, one-line errors.

Results go to standard output, everything on the way to standard error.
"""

from __future__ import annotations

import json
import math
import sys
import time
from typing import TYPE_CHECKING, Any

from ebb.errors import Reason, Status
from ebb.names import one_line, printable
from ebb.progress import SilentProgress
from ebb.streams import say, say_aside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from ebb.errors import EbbError
    from ebb.progress import Progress

PLAIN_INTERVAL_S = 10.0
"""Seconds between two progress lines where there is no terminal."""


class Console:
    """How one verb talks to its user.

    Args:
        as_json: Print one JSON object at the end and nothing else on standard output.
        quiet: No progress, no tables; errors only.
        program: Name of the command, before its errors.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False, program: str = "ebb") -> None:
        self._program = program
        self.as_json = as_json
        self.quiet = quiet

    def progress(self) -> Progress:
        """How the stages of this verb show how far they are."""
        if self.quiet:
            return SilentProgress()
        return TerminalProgress() if sys.stderr.isatty() else PlainProgress()

    def note(self, text: str) -> None:
        """One line on the way."""
        if not self.quiet:
            _say(text)

    def error(self, error: EbbError) -> None:
        """What went wrong, which file, what to do: one line, or an object for machines."""
        self.result({}, "", error)

    def result(self, values: Mapping[str, Any], text: str, problem: EbbError | None = None) -> None:
        """What came out: ``values`` for machines, ``text`` for people, and what stood in the way of more."""
        try:
            if self.as_json:
                say(
                    json.dumps(
                        _finite({**values, **_problem(problem)}), indent=2, default=str, allow_nan=False
                    )
                )
            elif text and not self.quiet:
                say(printable(text))
        finally:
            if problem is not None:
                _say(one_line(f"{self._program}: {problem}"))


def _finite(value: object) -> object:
    """The same with null for NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class PlainProgress:
    """A line now and then, and one for every item that did not come through; for logs and pipes."""

    def __init__(self) -> None:
        self._stage, self._total, self._done, self._beside = "", 0, 0, ""
        self._start = self._last = 0.0

    def start(self, stage: str, total: int) -> None:
        """Begin a stage."""
        self._stage, self._total, self._done, self._beside = stage, total, 0, ""
        self._start = self._last = time.monotonic()

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
        """Count an item; say so if it did not come through or some time has passed."""
        self._done += 1
        if status is Status.ERROR:
            _say(one_line(f"{self._stage}: {_told(name, reason, detail)}"))
        now = time.monotonic()
        if now - self._last >= PLAIN_INTERVAL_S:
            self._last = now
            left = (now - self._start) / self._done * (self._total - self._done)
            beside = f"; {self._beside}" if self._beside else ""
            say_aside(
                printable(f"{self._stage}: {self._done} of {self._total}, about {left:.0f} s left{beside}")
            )

    def tell(self, text: str) -> None:
        """What is to stand beside the count from now on."""
        self._beside = text

    def finish(self) -> None:
        """End the stage."""
        if self._total:
            seconds = time.monotonic() - self._start
            _say(f"{self._stage}: {self._done} of {self._total} in {seconds:.1f} s")


class TerminalProgress:
    """A bar with counts and the time left."""

    def __init__(self) -> None:
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def start(self, stage: str, total: int) -> None:
        """Begin a stage."""
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if not total:
            return
        self._bar = Progress(
            TextColumn("{task.description:>7}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[beside]}"),
            console=RichConsole(stderr=True),
        )
        self._bar.start()
        self._task = self._bar.add_task(stage, total=total, beside="")

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
        """Count an item; say so if it broke."""
        if self._bar is None or self._task is None:
            return
        if status is Status.ERROR:
            text = printable(one_line(_told(name, reason, detail)))
            self._bar.console.print(text, markup=False, highlight=False)
        self._bar.advance(self._task)

    def tell(self, text: str) -> None:
        """What is to stand beside the count from now on."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, beside=printable(text))

    def finish(self) -> None:
        """End the stage."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class DownloadBar:
    """Bytes at hand of bytes in all, on a terminal; elsewhere nothing."""

    def __init__(self, name: str, *, quiet: bool) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        watched = sys.stderr.isatty() and not quiet
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=RichConsole(stderr=True), disable=not watched)
        self._task = self._bar.add_task(name, total=None)

    def __enter__(self) -> DownloadBar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, done: int, total: int | None) -> None:
        """Say how many bytes are at hand, and in all if that is known."""
        self._bar.update(self._task, completed=done, total=total)


def _told(name: str, reason: Reason | None, detail: str) -> str:
    """Status of an item as text."""
    return ": ".join(part for part in (name, reason, detail) if part)


def _problem(error: EbbError | None) -> dict[str, Any]:
    if error is None:
        return {}
    values = {"error": error.message, "path": error.path and str(error.path), "hint": error.hint}
    return values | {"exit_code": int(error.exit_code)}


def _say(text: str) -> None:
    say_aside(printable(text))
