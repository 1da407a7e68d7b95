"""The interface through which long tasks report progress; :mod:`ebb.console` displays it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebb.errors import Reason, Status


class Progress(Protocol):
    """Receives the progress of a stage."""

    def start(self, stage: str, total: int) -> None:
        """Begin a stage of ``total`` items."""
        ...

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
        """Count an item that is done."""
        ...

    def tell(self, text: str) -> None:
        """Set the text beside the count."""
        ...

    def finish(self) -> None:
        """End the stage."""
        ...


class SilentProgress:
    """Progress that shows nothing."""

    def start(self, stage: str, total: int) -> None:
        """Begin a stage."""

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
        """Count an item that is done."""

    def tell(self, text: str) -> None:
        """Set the text beside the count."""

    def finish(self) -> None:
        """End the stage."""


@contextmanager
def watched(progress: Progress, stage: str, total: int) -> Iterator[None]:
    """Show a stage, and end it also after an error, as a bar hides the cursor.

    A stage without items is not shown.
    """
    if not total:
        yield
        return
    progress.start(stage, total)
    try:
        yield
    finally:
        progress.finish()
