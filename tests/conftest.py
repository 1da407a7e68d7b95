"""No test depends on the caller's shell, on chance or on how fast the machine is."""

from __future__ import annotations

import os

from hypothesis import settings

# Equal examples in every run, as a run that fails by chance says nothing of the change that it tests.
# HYPOTHESIS_PROFILE=default looks for new ones.
settings.register_profile("ebb", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ebb"))

OF_THE_TERMINAL = (
    *("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PY_COLORS", "COLORTERM", "TERM"),
    *("TTY_COMPATIBLE", "TTY_INTERACTIVE", "LINES"),
)


def pytest_configure() -> None:
    """Forget settings, colours and the terminal before anything is started that might look at them."""
    for name in [*OF_THE_TERMINAL, *(name for name in os.environ if name.startswith("EBB_"))]:
        os.environ.pop(name, None)
    os.environ["COLUMNS"] = "80"  # where help and errors break lines, whatever the terminal's width
