"""Tests are independent of the caller's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.helpers.environment import TERMINAL_VARIABLES


def test_settings_of_the_caller_are_removed() -> None:
    assert not [name for name in os.environ if name.startswith("EBB_")]
    assert not os.environ.keys() & set(TERMINAL_VARIABLES)
    assert os.environ["COLUMNS"] == "80"


def test_settings_of_the_caller_are_removed_in_any_form() -> None:
    awkward = dict.fromkeys([*TERMINAL_VARIABLES, "COLUMNS", "EBB_ALIGN_HEIGHT", "EBB_DATASET"], "7")
    only = f"{__file__}::{test_settings_of_the_caller_are_removed.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", only]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, env=os.environ | awkward, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()
