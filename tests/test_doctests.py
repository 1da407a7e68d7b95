"""Every public name has an example in its docstring, and every example is correct."""

from __future__ import annotations

import doctest
from typing import TYPE_CHECKING

import pytest

import ebb
import ebb_train
import ebb_train.study

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PACKAGES = {"ebb": ebb, "ebb_train": ebb_train}
PUBLIC = [(name, package) for package in (*PACKAGES.values(), ebb_train.study) for name in package.__all__]


def examples(name: str, package: ModuleType) -> list[doctest.DocTest]:
    """The tests in the docstring of something public and of its methods."""
    found = getattr(package, name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    # only the packages are given: an example must not lean on what its module happens to import
    return [test for test in finder.find(found, name, globs=dict(PACKAGES)) if test.examples]


@pytest.mark.parametrize(("name", "package"), PUBLIC, ids=lambda value: getattr(value, "__name__", value))
def test_the_examples_of(
    name: str, package: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "cache"))  # no weights, whatever the machine has
    found = examples(name, package)
    assert name in [test.name for test in found], "no example in its docstring"
    for number, test in enumerate(found):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        failed = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=(said := []).append).failed
        assert not failed, "".join(said)


def test_a_wrong_example_would_be_found() -> None:
    def wrong() -> None:
        """Not right.

        >>> 1 + 1
        3
        """

    (test,) = doctest.DocTestFinder().find(wrong, "wrong", globs={})
    assert doctest.DocTestRunner(optionflags=FLAGS).run(test, out=lambda _: None).failed == 1
