"""A run that is stopped at any change of files or state, in this process and without a clock."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ebb.runner.local import attempt
from ebb.state import State


class Killed(BaseException):
    """Stands for SIGKILL: after it, no change reaches the disk."""


class Interruption:
    """Counts the changes a run makes on disk, and stops it before or after one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.changes = 0
        self._stop_at: int | None = None
        for owner, name in ((Path, "replace"), (Path, "unlink"), (State, "_write"), (State, "put_splits")):
            monkeypatch.setattr(owner, name, self._counting(getattr(owner, name)))
        monkeypatch.setattr(os, "fsync", lambda _: None)

    @contextmanager
    def stopped_at(self, number: int | None) -> Iterator[None]:
        """Stop what runs inside at a change: odd numbers before it, even ones after it."""
        self.changes, self._stop_at = 0, number
        try:
            yield
        finally:
            self._stop_at = None

    def _counting(self, change: Any) -> Any:
        def counted(*arguments: Any, **options: Any) -> Any:
            self._count()
            result = change(*arguments, **options)
            self._count()
            return result

        return counted

    def _count(self) -> None:
        self.changes += 1
        if self._stop_at is not None and self._stop_at <= self.changes:
            raise Killed


def run_here(work: Any, jobs: Iterable[Any], settings: object) -> Iterator[Any]:
    """Do the jobs in this process."""
    for job in jobs:
        yield attempt(work, job)
