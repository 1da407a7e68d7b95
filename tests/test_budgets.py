"""Budgets: short functions, small files, annotations, a test file for every module."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
MODULES = sorted([*ROOT.glob("ebb/**/*.py"), *ROOT.glob("ebb_train/**/*.py")])
CONVENTIONAL = {"__init__.py", "cli.py", "settings.py"}
"""File names that say what a file is to its folder; any folder may have one."""
HEAVY = (
    *("numpy", "cv2", "torch", "tensorflow", "pandas", "rawpy", "matplotlib", "pyarrow", "ray"),
    *("scipy", "statsmodels"),
)


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


def public_types(path: Path) -> list[str]:
    """Classes and type aliases that other modules can import."""
    found = []
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
            found.append(ast.unparse(node.target))
    return [name for name in found if not name.startswith("_")]


def repeated(names: Iterable[tuple[str, Path]], most: int) -> dict[str, list[str]]:
    """Names that more than so many paths have."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, path in names:
        places[name].append(str(path.relative_to(ROOT)))
    return {name: paths for name, paths in places.items() if len(paths) > most}


def test_a_type_name_has_one_meaning() -> None:
    assert repeated(((name, path) for path in MODULES for name in public_types(path)), 1) == {}


def test_file_names_are_mostly_unique() -> None:
    names = ((path.name, path) for path in MODULES if path.name not in CONVENTIONAL)
    assert repeated(names, 3) == {}


def test_the_check_for_names_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    first.write_text("class Scene: ...\nclass _Own: ...\n")
    second.write_text("Scene: TypeAlias = int\nclass _Own: ...\n")
    names = [(name, path) for path in (first, second) for name in public_types(path)]
    assert repeated(names, 1) == {"Scene": ["a.py", "b.py"]}
    assert repeated(names, 2) == {}


def test_tests_have_enough_lines() -> None:
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
def test_help_loads_no_heavy_library(command: str) -> None:
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
