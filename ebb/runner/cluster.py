"""Find the Ray cluster, connect to it, and keep its messages off the terminal."""

from __future__ import annotations

import logging
import os
import signal
import socket

from ebb.errors import MissingDependency, UsageError, install_extra

_HINT = "RAY_ADDRESS is the host:port of the head that `ray start` printed, usually port 6379"
_CONNECT_SECONDS = 10.0


def connect() -> None:
    """Connect this process to a cluster, if it is not yet, until it ends.

    The cluster is the one at ``RAY_ADDRESS``, else one that runs on this machine, else Ray starts one here
    that ends with the process.

    Raises:
        MissingDependency: Ray is not installed.
        UsageError: there is no cluster at ``RAY_ADDRESS``.
    """
    # Ray reports dead workers on standard output unless this is set before it is imported. Standard output
    # belongs to --json, and the row of the item holds the reason.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    try:
        import ray
    except ImportError as error:
        raise MissingDependency("Ray is not installed", hint=install_extra("ray")) from error
    if ray.is_initialized():
        return
    _check_address(os.environ.get("RAY_ADDRESS", ""))
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise UsageError(f"no Ray cluster: {error}", hint=_HINT) from error
    finally:
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray replaces the handler


def _check_address(address: str) -> None:
    """Fail within seconds when no server listens; Ray itself retries for minutes."""
    if address in ("", "auto", "local"):
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise UsageError(f"no Ray cluster at {address}: {error}", hint=_HINT) from error
