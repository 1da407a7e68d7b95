"""Memory usage and available memory."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from ebb_train import memory

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PEAK = """
from ebb_train import memory
before = memory.peak_bytes()
taken = bytes(range(256)) * (before // 256)  # more than the process has held so far
print(before, len(taken), memory.peak_bytes())
"""


def test_the_peak_includes_allocated_memory() -> None:
    """In a small process: this one may have held gigabytes."""
    done = subprocess.run([sys.executable, "-c", PEAK], check=True, capture_output=True, text=True)
    before, taken, peak = map(int, done.stdout.split())
    assert before > 5e6
    assert peak >= taken


def test_available_memory_respects_the_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MACHINE", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    assert memory.free_bytes() is None
    memory.MACHINE.write_text("MemTotal:  9000 kB\nMemAvailable:    4000 kB\n")
    assert memory.free_bytes() == 4_096_000
    (tmp_path / "memory.current").write_text("1000000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_bytes() == 4_096_000
    (tmp_path / "memory.max").write_text("3000000\n")
    assert memory.free_bytes() == 2_000_000
    (tmp_path / "memory.stat").write_text("anon 400000\ninactive_file 500000\n")
    assert memory.free_bytes() == 2_500_000, "files that were read make no memory scarce"
    (tmp_path / "memory.stat").unlink()
    (tmp_path / "memory.max").write_text("900000\n")
    assert memory.free_bytes() == 0


def test_giving_memory_back_works_with_any_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    memory.give_back()
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory.give_back()
