"""Runs an application until a signal, and lets requests that have begun end first."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Generator
    from types import FrameType

    from starlette.types import ASGIApp

GRACE_SECONDS = 5
"""Time that requests have to end after a signal."""

KEEP_ALIVE_SECONDS = 30
MAX_CONNECTIONS = 2000
"""Connections and requests at one time; further ones are answered with 503."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class SignalledServer(uvicorn.Server):
    """A server that a signal stops as a matter of course, without an exception.

    A second signal ends it without waiting for requests that have begun.
    """

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._on_start()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take SIGINT and SIGTERM, and give them back at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler or signal.SIG_DFL)

    def _on_signal(self, _: int, __: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def make_server(
    app: ASGIApp, on_start: Callable[[], None] = lambda: None, *, grace_seconds: int = GRACE_SECONDS
) -> SignalledServer:
    """Make a server; ``server.run(sockets=[...])`` serves until a signal or until ``should_exit`` is set.

    Args:
        app: The application.
        on_start: Called when it accepts requests.
        grace_seconds: Time that requests have to end.
    """
    config = uvicorn.Config(
        app,
        access_log=False,  # no addresses of visitors
        log_level=logging.ERROR,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=grace_seconds,
        limit_concurrency=MAX_CONNECTIONS,
    )
    return SignalledServer(config, on_start)
