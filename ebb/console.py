"""Terminal output of a verb: progress with an ETA, results, one-line errors.

Results go to standard output, progress, notes and errors to standard error. An item that fails is reported
once, by the progress, when it happens; results count the failures.
"""

from __future__ import annotations

import json
import math
import sys
import time
from typing import TYPE_CHECKING, Any

from ebb.errors import Status
from ebb.names import one_line, printable
from ebb.progress import SilentProgress
from ebb.streams import say, say_aside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from ebb.errors import EbbError, Reason
    from ebb.progress import Progress

PLAIN_INTERVAL_S = 10.0
"""Seconds between two progress lines where there is no terminal."""


class Console:
    """Output of one verb.

    Args:
        as_json: Print one JSON object at the end and nothing else on standard output.
        quiet: Print errors only.
        program: Name of the command, which precedes its errors.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False, program: str = "ebb") -> None:
        self._program = program
        self.as_json = as_json
        self.quiet = quiet

    def progress(self) -> Progress:
        """Progress of the stages of this verb."""
        if self.quiet:
            return FailureProgress()
        return TerminalProgress() if sys.stderr.isatty() else PlainProgress()

    def note(self, text: str) -> None:
        """Print one line to standard error."""
        if not self.quiet:
            _say(text)

    def error(self, error: EbbError) -> None:
        """Print an error: one line, or an object with ``--json``."""
        self.result({}, "", error)

    def result(
        self,
        values: Mapping[str, Any],
        text: str,
        problem: EbbError | None = None,
        *,
        look_at: Sequence[str | Path] = (),
        next_step: str = "",
    ) -> None:
        """Print the result of a verb.

        Args:
            values: The result for ``--json``; the other arguments are added to it.
            text: The same for people.
            problem: Why the result is incomplete.
            look_at: Files and folders to look at.
            next_step: What to do next: a command, or a sentence.
        """
        paths = [str(path) for path in look_at]
        try:
            if self.as_json:
                ending = ({"look_at": paths} if paths else {}) | ({"next": next_step} if next_step else {})
                everything = _finite({**values, **ending, **_problem(problem)})
                say(json.dumps(everything, indent=2, default=str, allow_nan=False))
            elif text and not self.quiet:
                gap = "\n" if "\n\n" in text else ""
                say(printable(text + gap + _ending(paths, next_step)))
        finally:
            if problem is not None:
                _say(one_line(f"{self._program}: {problem}"))


def _ending(paths: Sequence[str], next_step: str) -> str:
    """Last lines of a result: the paths to look at and the next step."""
    look = [("look at: " if not index else " " * 9) + one_line(path) for index, path in enumerate(paths)]
    lines = look + ([f"next: {one_line(next_step)}"] if next_step else [])
    return "".join(f"\n{line}" for line in lines)


def _finite(value: object) -> object:
    """The value with None in place of NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class FailureProgress(SilentProgress):
    """Progress that reports failed items only; an item that fails in two stages for one reason, once."""

    def __init__(self) -> None:
        self._reported: set[str] = set()
        self._stage = ""

    def start(self, stage: str, total: int) -> None:  # noqa: ARG002 - the signature of Progress
        """Begin a stage."""
        self._stage = stage

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
        """Report an item that failed."""
        text = ": ".join(part for part in (name, reason, detail) if part)
        if status is Status.ERROR and text not in self._reported:
            self._reported.add(text)
            self._report(printable(one_line(f"{self._stage}: {text}")))

    def _report(self, line: str) -> None:
        say_aside(line)


class PlainProgress(FailureProgress):
    """Progress as lines for logs and pipes: one every few seconds, and one for each item that failed."""

    def __init__(self) -> None:
        super().__init__()
        self._total, self._done, self._beside = 0, 0, ""
        self._start = self._last = 0.0

    def start(self, stage: str, total: int) -> None:
        """Begin a stage."""
        super().start(stage, total)
        self._total, self._done, self._beside = total, 0, ""
        self._start = self._last = time.monotonic()

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
        """Count an item."""
        self._done += 1
        super().advance(name, status, reason, detail)
        now = time.monotonic()
        if now - self._last >= PLAIN_INTERVAL_S and self._done < self._total:  # the end has its own line
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


class TerminalProgress(FailureProgress):
    """Progress as a bar with counts and the time left."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def start(self, stage: str, total: int) -> None:
        """Begin a stage."""
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        super().start(stage, total)
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
        """Count an item."""
        super().advance(name, status, reason, detail)
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task)

    def _report(self, line: str) -> None:
        if self._bar is None:
            super()._report(line)
        else:
            self._bar.console.print(line, markup=False, highlight=False)

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
        """Show the bytes received so far, and the total if it is known."""
        self._bar.update(self._task, completed=done, total=total)


def _problem(error: EbbError | None) -> dict[str, Any]:
    if error is None:
        return {}
    values = {"error": error.message, "path": error.path and str(error.path), "hint": error.hint}
    return values | {"exit_code": int(error.exit_code)}


def _say(text: str) -> None:
    say_aside(printable(text))
