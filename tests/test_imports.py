"""No module imports itself through others, not even for types only or inside a function."""

from __future__ import annotations

import graphlib
from typing import TYPE_CHECKING

import grimp
import pytest

if TYPE_CHECKING:
    from pathlib import Path


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


def test_there_is_no_circle() -> None:
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
def test_every_kind_of_import_closes_a_circle(
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
