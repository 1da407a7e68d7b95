"""Progress: what a long task says on its way, and to whom. :mod:`ebb.console` shows it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebb.errors import Reason, Status


class Progress(Protocol):
    """Is told how far a stage is."""

    def start(self, stage: str, total: int) -> None:
        """Begin a stage of ``total`` items."""
        ...

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
        """Count an item that is done."""
        ...

    def tell(self, text: str) -> None:
        """Set the text that stands beside the count from now on."""
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
    """A stage that is shown, and ended whatever happens: a bar left alone would keep the cursor hidden.

    One of nothing is not shown.
    """
    if not total:
        yield
        return
    progress.start(stage, total)
    try:
        yield
    finally:
        progress.finish()
