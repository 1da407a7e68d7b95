"""Imports have no cycles, including those for types and inside functions, and those of scripts exist."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
OURS = ("ebb", "ebb_train", "tests", "benchmarks")
SCRIPTS = sorted(
    path for folder in ("benchmarks", "pipelines", "docs") for path in (ROOT / folder).glob("*.py")
)


def circle(*packages: str) -> list[str]:
    """Modules of one import circle, the first one again at the end; none if there is no circle."""
    imports = grimp.build_graph(*packages, exclude_type_checking_imports=False, cache_dir=None)
    graph = {module: imports.find_modules_directly_imported_by(module) for module in imports.modules}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def test_no_circular_imports() -> None:
    assert circle("ebb", "ebb_train") == []


@pytest.mark.parametrize(
    "back",
    [
        "from circular import one",
        "from circular.one import x",
        "import circular.one",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from circular.one import x",
        "def use():\n    from circular.one import x",
    ],
)
def test_every_kind_of_import_is_recognised_in_a_circle(
    back: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "circular"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "one.py").write_text("from circular import two\n")
    (package / "two.py").write_text("from circular import three\n")
    (package / "three.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert circle("circular") == []
    (package / "three.py").write_text(f"{back}\n")
    assert set(circle("circular")) == {"circular.one", "circular.two", "circular.three"}


def defined(module: str) -> set[str]:
    """Names that can be imported from a module or folder of this checkout; none if it does not exist."""
    base = ROOT / module.replace(".", "/")
    names = {item.stem for item in base.glob("*")}
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if path.exists() else ()
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.Constant) and module in ("ebb", "ebb_train"):
                names.add(str(node.value))  # public names, which are imported lazily
    return names


def stale_imports(text: str) -> list[str]:
    """Imports from this checkout of names that it does not have."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom) and node.module]
    ours = [node for node in nodes if str(node.module).partition(".")[0] in OURS]
    return [
        f"{node.module}.{alias.name}"
        for node in ours
        for alias in node.names
        if alias.name not in defined(str(node.module))
    ]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_import_names_that_exist(path: Path) -> None:
    assert stale_imports(path.read_text(encoding="utf-8")) == []


def test_a_stale_import_is_found() -> None:
    text = "from ebb.errors import Broken, Nothing\nfrom tests.none import x\nfrom json import loads\n"
    assert stale_imports(text) == ["ebb.errors.Nothing", "tests.none.x"]
