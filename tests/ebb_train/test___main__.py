"""``python -m ebb_train``."""

import subprocess
import sys


def test_the_module_is_the_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "ebb_train", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip()
