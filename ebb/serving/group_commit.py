"""Durable writes of many visitors to one SQLite file: one thread, one commit for all that wait.

A commit waits for the disk. Requests that come meanwhile share the next one, so that the number of commits
per second does not limit the number of writes.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

T = TypeVar("T")

MAX_GROUP = 256
"""Largest number of jobs that share a commit."""

MAX_WAITING = 4096
"""Largest number of jobs that wait; further ones are refused."""


class TooBusy(Exception):
    """More jobs wait than are accepted."""


class _Job(NamedTuple):
    work: Callable[[sqlite3.Connection], Any]
    result: Future[Any]


class GroupCommit:
    """Runs jobs on a connection in one thread; a result is there only after the commit that makes it durable.

    A job that raises leaves nothing behind and does not affect the others of its group.

    Args:
        connection: Of a file in WAL mode with ``synchronous=FULL``, in autocommit mode, usable in any thread.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._work, name="group-commit", daemon=True)
        self._is_closed = False
        self._thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Queue a job.

        Args:
            work: Reads and writes with the connection; it neither begins nor ends a transaction.

        Raises:
            TooBusy: too many wait, or the store is closed.
        """
        result: Future[T] = Future()
        if self._is_closed:
            raise TooBusy
        try:
            self._jobs.put_nowait(_Job(work, result))
        except queue.Full as error:
            raise TooBusy from error
        return result

    def close(self) -> None:
        """Finish what waits, then end the thread and close the connection."""
        if not self._is_closed:
            self._is_closed = True
            self._jobs.put(None)
            self._thread.join()
            self._connection.close()

    def _work(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            if group:
                self._run(group)

    def _next_group(self) -> tuple[list[_Job], bool]:
        """The jobs that wait, at least one, and whether more may follow."""
        group: list[_Job] = []
        while len(group) < MAX_GROUP:
            try:
                job = self._jobs.get(block=not group)
            except queue.Empty:
                break
            if job is None:
                return group, False
            if job.result.set_running_or_notify_cancel():
                group.append(job)
        return group, True

    def _run(self, group: list[_Job]) -> None:
        """Run jobs in a transaction; their results follow its commit."""
        done: list[tuple[Future[Any], Any]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job in group:
                self._run_one(job, done)
            self._connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - it is handed to all who wait
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            for job in group:
                if not job.result.done():
                    job.result.set_exception(error)
            return
        for result, value in done:
            result.set_result(value)

    def _run_one(self, job: _Job, done: list[tuple[Future[Any], Any]]) -> None:
        self._connection.execute("SAVEPOINT job")
        try:
            value = job.work(self._connection)
        except Exception as error:  # noqa: BLE001 - it is handed to the one who waits
            self._connection.execute("ROLLBACK TO job")
            job.result.set_exception(error)
        else:
            done.append((job.result, value))
        self._connection.execute("RELEASE job")
