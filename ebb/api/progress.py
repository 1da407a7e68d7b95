"""Progress reported to a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ebb.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebb.errors import Reason, Status

ProgressFunction: TypeAlias = "Callable[[str, int, int], None]"
"""Called with the name of a stage, the number of finished items, and their total."""


class CallbackProgress(SilentProgress):
    """Calls a function at the start of each stage and after each item.

    Args:
        call: The function, or None for no progress.
    """

    def __init__(self, call: ProgressFunction | None) -> None:
        self._call = call
        self._stage, self._done, self._total = "", 0, 0

    def start(self, stage: str, total: int) -> None:
        """Start a stage."""
        self._stage, self._done, self._total = stage, 0, total
        self._report()

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:  # noqa: ARG002 - required by the protocol
        """Count one finished item."""
        self._done += 1
        self._report()

    def _report(self) -> None:
        if self._call is not None:
            self._call(self._stage, self._done, self._total)
