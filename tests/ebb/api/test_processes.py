"""A script without a guard runs once, though worker processes are started from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ebb.api.processes import main_not_imported

SCRIPT = """
import ebb
print("once")
report = ebb.simulate_captures("raw", ebb.SimulateSettings(scenes=1, bad=0, size="96x64"))
print(report.ok)
"""


def test_a_script_is_run_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "once\n1\n", "")


def test_the_main_module_is_restored() -> None:
    main = sys.modules["__main__"]
    before = dict(vars(main))
    with pytest.raises(KeyError), main_not_imported():
        assert main.__spec__ is None
        assert not hasattr(main, "__file__")
        raise KeyError
    assert vars(main) == before
