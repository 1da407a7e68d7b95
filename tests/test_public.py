"""Public names: the stored list of names and signatures, and modules loaded by an import.

After a wanted change: ``python -m tests.test_public`` writes the list anew.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ebb
import ebb_train
import ebb_train.study

SURFACE = Path(__file__).parent / "golden" / "public.json"
PACKAGES = (ebb, ebb_train, ebb_train.study)
HEAVY = {
    "numpy",
    "cv2",
    "torch",
    "pandas",
    "pyarrow",
    "PIL",
    "rawpy",
    "tensorflow",
    "scipy",
    "statsmodels",
    "cyclopts",
    "rich",
    "jinja2",
}


def signature(thing: Any) -> str:
    """Parameters with their defaults; an enum's members, a dataclass's fields."""
    if isinstance(thing, type) and issubclass(thing, Enum):
        return " ".join(member.name for member in thing)
    if dataclasses.is_dataclass(thing):
        return " ".join(f"{field.name}: {field.type}" for field in dataclasses.fields(thing))
    return str(inspect.signature(thing))


def surface(package: ModuleType) -> dict[str, str]:
    """Every public name, and every public method and property of a class, with its signature."""
    found = {}
    for name in package.__all__:
        thing = getattr(package, name)
        found[name] = signature(thing)
        if (
            isinstance(thing, type)
            and not issubclass(thing, Exception | Enum)
            and not dataclasses.is_dataclass(thing)
        ):
            for method, value in vars(thing).items():
                if not method.startswith("_"):
                    found[f"{name}.{method}"] = (
                        str(inspect.signature(value)) if callable(value) else "property"
                    )
    return found


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_the_public_surface_is_the_stored_one(package: ModuleType) -> None:
    stored = json.loads(SURFACE.read_text(encoding="utf-8"))[package.__name__]
    assert surface(package) == stored, "python -m tests.test_public, if that is wanted"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_public_names_are_listed_and_sorted(package: ModuleType) -> None:
    assert package.__all__ == sorted(package.__all__)
    assert set(package.__all__) <= set(dir(package))


def loaded_by(code: str) -> set[str]:
    """Modules that a fresh interpreter has loaded after some code."""
    code += "; import json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("package", ["ebb", "ebb_train", "ebb_train.study"])
def test_an_import_loads_no_heavy_library(package: str) -> None:
    loaded = loaded_by(f"import {package}; dir({package})")
    assert not loaded & HEAVY
    own = {name for name in loaded if name.partition(".")[0] in ("ebb", "ebb_train")}
    assert own <= {"ebb", "ebb.lazy", "ebb.version", "ebb_train", "ebb_train.study"}


def test_a_package_inside_is_imported_when_it_is_first_used() -> None:
    assert "ebb_train.study" not in loaded_by("import ebb_train")
    assert "ebb_train.study" in loaded_by("import ebb_train; ebb_train.study")
    assert "study" in dir(ebb_train)


def test_settings_and_errors_load_no_heavy_library() -> None:
    names = "ebb.AlignSettings, ebb.RunSettings, ebb.EbbError, ebb_train.FitSettings, ebb_train.PyNetConfig"
    assert not loaded_by(f"import ebb, ebb_train; {names}") & HEAVY


def test_a_data_set_needs_neither_pandas_nor_torch_nor_opencv() -> None:
    assert not loaded_by("import ebb; ebb.open_dataset") & {"pandas", "torch", "cv2", "rawpy", "tensorflow"}


if __name__ == "__main__":
    SURFACE.write_text(
        json.dumps({package.__name__: surface(package) for package in PACKAGES}, indent=1) + "\n",
        encoding="utf-8",
    )
