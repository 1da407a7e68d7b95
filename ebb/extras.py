"""Checks for the packages of extras, without importing them."""

from __future__ import annotations

import importlib.util

from ebb.errors import MissingDependency, install_extra


def is_installed(package: str) -> bool:
    """Whether an optional package is there."""
    return importlib.util.find_spec(package) is not None


def check_installed(package: str, extra: str) -> None:
    """Make sure that an optional package is there, without importing it.

    Raises:
        MissingDependency: it is not; the hint holds the command that installs it.
    """
    if not is_installed(package):
        raise MissingDependency(f"the Python package {package} is missing", hint=install_extra(extra))
