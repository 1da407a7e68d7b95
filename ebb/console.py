"""Output of the command line: progress with an ETA on a terminal, plain lines elsewhere, results, errors.

Results go to standard output, progress and errors to standard error.
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
    """Output of one verb.

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
        """The progress display of this verb."""
        if self.quiet:
            return SilentProgress()
        return TerminalProgress() if sys.stderr.isatty() else PlainProgress()

    def note(self, text: str) -> None:
        """Print one line on standard error."""
        if not self.quiet:
            _say(text)

    def error(self, error: EbbError) -> None:
        """Print an error: one line, and with ``--json`` an object."""
        self.result({}, "", error)

    def result(self, values: Mapping[str, Any], text: str, problem: EbbError | None = None) -> None:
        """Print a result, ``values`` with ``--json`` and else ``text``, and the error that ended it."""
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
    """A line every few seconds, and one for every item that fails; for logs and pipes."""

    def __init__(self) -> None:
        self._stage, self._total, self._done, self._beside = "", 0, 0, ""
        self._start = self._last = 0.0

    def start(self, stage: str, total: int) -> None:
        """Begin a stage."""
        self._stage, self._total, self._done, self._beside = stage, total, 0, ""
        self._start = self._last = time.monotonic()

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
        """Count an item; print a line if it failed or some seconds have passed."""
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
        """Set the text beside the count."""
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
        """Count an item; print a line if it failed."""
        if self._bar is None or self._task is None:
            return
        if status is Status.ERROR:
            text = printable(one_line(_told(name, reason, detail)))
            self._bar.console.print(text, markup=False, highlight=False)
        self._bar.advance(self._task)

    def tell(self, text: str) -> None:
        """Set the text beside the count."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, beside=printable(text))

    def finish(self) -> None:
        """End the stage."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class DownloadBar:
    """A bar of the bytes of a download, shown on a terminal only."""

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
        """Show the number of bytes downloaded, and of all bytes if it is known."""
        self._bar.update(self._task, completed=done, total=total)


def _told(name: str, reason: Reason | None, detail: str) -> str:
    """Name, reason and detail of an item as text."""
    return ": ".join(part for part in (name, reason, detail) if part)


def _problem(error: EbbError | None) -> dict[str, Any]:
    if error is None:
        return {}
    values = {"error": error.message, "path": error.path and str(error.path), "hint": error.hint}
    return values | {"exit_code": int(error.exit_code)}


def _say(text: str) -> None:
    say_aside(printable(text))
