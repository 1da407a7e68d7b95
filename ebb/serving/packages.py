"""The optional packages that serving needs."""

from __future__ import annotations

from ebb.extras import check_installed

EXTRA = "study"


def check_packages() -> None:
    """Make sure that the packages of a server are installed, without importing them.

    Raises:
        MissingDependency: one is not; the hint holds the command that installs it.
    """
    for package in ("starlette", "uvicorn"):
        check_installed(package, EXTRA)
