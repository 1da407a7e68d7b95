"""The budgets of the house: short functions, small files, annotations, a test file for every module."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted([*ROOT.glob("ebb/**/*.py"), *ROOT.glob("ebb_train/**/*.py")])
HEAVY = ("numpy", "cv2", "torch", "tensorflow", "pandas", "rawpy", "matplotlib", "pyarrow", "ray")


def code_lines(path: Path) -> int:
    """Lines that are neither blank nor comments."""
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") for line in path.read_text().splitlines()
    )


def functions(path: Path) -> list[tuple[str, int]]:
    """Name and length of each function, without its docstring."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            has_docstring = ast.get_docstring(node) is not None
            body = node.body[1:] if has_docstring else node.body
            first = body[0].lineno if body else node.lineno
            found.append((f"{path.relative_to(ROOT)}:{node.name}", (node.end_lineno or first) - first + 2))
    return found


def test_functions_are_short() -> None:
    lengths = {name: length for path in MODULES for name, length in functions(path)}
    assert max(lengths.values()) <= 60, max(lengths, key=lambda name: lengths[name])
    assert statistics.median(lengths.values()) <= 10
    assert statistics.quantiles(lengths.values(), n=10)[-1] <= 30


def test_files_are_small() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in MODULES}
    assert max(lengths.values()) <= 400, max(lengths, key=lambda name: lengths[name])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_has_a_test_file(path: Path) -> None:
    if path.name == "__init__.py":
        return
    relative = path.relative_to(ROOT)
    assert (ROOT / "tests" / relative.with_name(f"test_{relative.name}")).exists()


def test_there_is_enough_test() -> None:
    source = sum(map(code_lines, MODULES))
    tests = sum(map(code_lines, ROOT.glob("tests/**/*.py")))
    assert tests / source >= 0.8


def test_every_reason_is_raised_somewhere() -> None:
    from ebb.errors import Reason

    text = "".join(path.read_text() for path in MODULES if path.name != "errors.py")
    planned = {Reason.PARALLAX, Reason.EXPOSURE_MISMATCH, Reason.LOW_SIMILARITY}
    unused = {reason for reason in Reason if f"Reason.{reason.name}" not in text}
    assert unused <= planned, "a reason code that no rule gives"


@pytest.mark.parametrize("command", ["ebb", "ebb_train"])
def test_help_loads_nothing_heavy(command: str) -> None:
    code = (
        f"import sys, json\nfrom {command}.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"print(json.dumps(sorted(set(sys.modules) & set({HEAVY!r}))))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage" in result.stdout
    assert result.stdout.splitlines()[-1] == "[]"


def test_the_check_for_heavy_modules_can_fail() -> None:
    code = f"import sys, cv2; print(sorted(set(sys.modules) & set({HEAVY!r})))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "['cv2', 'numpy']"
