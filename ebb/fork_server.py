"""The fork server that worker processes are started from."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import tempfile
import time
from contextlib import ExitStack, contextmanager
from multiprocessing import forkserver, resource_tracker, util
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from ebb.errors import UsageError
from ebb.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from multiprocessing.context import ForkServerContext
    from multiprocessing.process import BaseProcess

_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""NumPy's matrix products use one thread a worker, unless the user says otherwise. With a thread on each core
for every worker, most of the time is spent on threads that wait for each other: aligning took three times as
long."""

_LONGEST_SOCKET = 107
"""Bytes in the path of a Unix socket (``sun_path`` of ``unix(7)``, without the final zero)."""

_LONGEST_NAME = "/ebb-sockets-12345678/pymp-12345678/listener-12345678"
"""Path of a socket inside the temporary folder, the end of it as :mod:`multiprocessing` names it."""

_MAX_WAIT_SECONDS, _PAUSE_SECONDS = 5.0, 0.02
"""Longest time until the end of a killed process is reported, and time between two questions."""

_LAST = -200
"""Priority of what is done at the end of the process, after :mod:`multiprocessing` has removed its folder."""

_SHORT_FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108 - the folder made inside is private to the user


def fork_server(
    preload: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> ForkServerContext:
    """Return the context of the fork server, started if it does not run.

    Ctrl-C is blocked in the server and in the workers, which the parent process stops.

    Args:
        preload: Modules to import in the server, so that starting a worker takes milliseconds.
        environment: Variables of the server and its workers; those that the user has set keep their values.

    Raises:
        UsageError: there is no folder for its sockets.
        OSError: it cannot be started.
    """
    use_short_folder()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    resource_tracker.ensure_running()  # otherwise the fork server would start it and lift the block
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # children inherit it
    try:
        with _defaults({**dict.fromkeys(_BLAS_THREADS, "1"), **(environment or {})}):
            forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return context


def wait_for_lost_server() -> None:
    """Wait until the end of a fork server that does not answer is known; the next call starts another.

    A process that is killed refuses connections for some time before the system reports its end; on a busy
    machine, several attempts fit in between. A server that is alive is waited for a few seconds.
    """
    pid = getattr(getattr(forkserver, "_forkserver", None), "_forkserver_pid", None)
    deadline = time.monotonic() + _MAX_WAIT_SECONDS
    while pid is not None and time.monotonic() < deadline:
        try:
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return
        except ChildProcessError:
            return
        time.sleep(_PAUSE_SECONDS)


def use_short_folder() -> None:
    """Let :mod:`multiprocessing` put its sockets in a folder with a short path, also if ``TMPDIR`` is long.

    The folder is removed at the end of this process; if it is killed, by the next one that makes a folder.

    Raises:
        UsageError: no folder with a short path is writable.
    """
    parent = tempfile.gettempdir()
    if not _fits(parent):
        parent = next((path for path in _SHORT_FOLDERS if os.access(path, os.W_OK)), parent)
    if not _fits(parent):
        raise UsageError(
            "the path of the temporary folder is too long for the sockets of worker processes",
            path=parent,
            hint="set TMPDIR to a shorter path",
        )
    _make_socket_folder(parent)


@functools.cache
def _make_socket_folder(parent: str) -> None:
    stack = ExitStack()
    folder = stack.enter_context(temporary_folder("sockets", parent))
    before = tempfile.tempdir
    try:
        tempfile.tempdir = str(folder)
        made = util.get_temp_dir()  # made once and kept for this process and its workers
    finally:
        tempfile.tempdir = before
    if Path(made).parent == folder:
        util.Finalize(None, stack.close, exitpriority=_LAST)
    else:  # there was one before
        stack.close()


def end_with_parent() -> None:
    """End this worker when the process that it works for is gone, even by SIGKILL, so that it writes no more.

    The fork server is no measure of that: it runs as long as any of its workers.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _fits(folder: str) -> bool:
    return len(os.fsencode(folder + _LONGEST_NAME)) <= _LONGEST_SOCKET


@contextmanager
def _defaults(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables that the user has not set."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
