"""One version: of the packages and of the distribution."""

from __future__ import annotations

import tomllib
from pathlib import Path

import ebb
import ebb_train
from ebb.version import __version__


def test_the_packages_have_the_version_of_the_distribution() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__ == ebb.__version__ == ebb_train.__version__
