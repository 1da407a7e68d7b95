from __future__ import annotations

import importlib.util

import pytest

from ebb.errors import MissingDependency
from ebb.serving.packages import check_packages


def test_installed_packages_pass() -> None:
    check_packages()


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_a_missing_package_is_named_with_its_extra(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    with pytest.raises(MissingDependency, match=rf"{missing}.*\[study\]"):
        check_packages()
