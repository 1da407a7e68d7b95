"""What the caller's shell says about settings, colours and the terminal is no part of a test."""

from __future__ import annotations

import os

OF_THE_TERMINAL = (
    *("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PY_COLORS", "COLORTERM", "TERM"),
    *("TTY_COMPATIBLE", "TTY_INTERACTIVE", "LINES"),
)


def pytest_configure() -> None:
    """Before anything is imported or started that might look at them."""
    for name in [*OF_THE_TERMINAL, *(name for name in os.environ if name.startswith("EBB_"))]:
        os.environ.pop(name, None)
    os.environ["COLUMNS"] = "80"  # where help and errors break lines, whatever the terminal's width
