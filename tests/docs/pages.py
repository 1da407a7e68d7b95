"""Reading and running the code blocks of a page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUNS = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}


class Step(NamedTuple):
    """A block that is run, and the lines that its output must show."""

    language: str
    code: str
    shown: list[str]


def steps(markdown: str) -> list[Step]:
    """The blocks in ``sh`` and ``python``, each with the ``text`` block that follows it."""
    found: list[Step] = []
    for language, code in BLOCK.findall(markdown):
        if language in RUNS:
            found.append(Step(language, code, []))
        elif language == "text" and found:
            found[-1].shown.extend(line for line in map(words, code.splitlines()) if line)
    return found


def words(line: str) -> str:
    """A line with single spaces."""
    return " ".join(line.split())


def missing_line(shown: list[str], output: str) -> str | None:
    """The first line that the output lacks; lines must come in order, ``…`` stands for anything."""
    lines = map(words, output.splitlines())
    for line in shown:
        pattern = ".*".join(map(re.escape, line.split("…")))
        if not any(re.fullmatch(pattern, candidate) for candidate in lines):
            return line
    return None


def run_step(step: Step, folder: Path) -> str:
    """Run a block in a folder and give its standard output."""
    command = [*RUNS[step.language], step.code]
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{step.code}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def environment(folder: Path) -> dict[str, str]:
    """This environment with the commands of the checkout first, no matter which are installed."""
    commands = folder / ".commands"
    if not commands.exists():
        commands.mkdir()
        for name, module in (("ebb", "ebb"), ("ebb-train", "ebb_train")):
            call = f"from {module}.cli import main; main()"
            (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{call}" "$@"\n')
            (commands / name).chmod(0o755)
    threads = {"OMP_NUM_THREADS": "1"}  # two threads on a busy core wait for each other
    path = {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)}
    return os.environ | threads | path
