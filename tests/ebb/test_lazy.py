"""Names that a package imports when they are used."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from ebb.lazy import lazy_names


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("a_package")
    monkeypatch.setitem(sys.modules, "a_package", module)
    module.__getattr__, module.__dir__ = lazy_names("a_package", {"colorsys": ("rgb_to_hsv",)})  # type: ignore[method-assign, assignment]
    return module


def test_a_name_is_imported_when_it_is_used(package: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert "rgb_to_hsv" in dir(package)
    assert "colorsys" not in sys.modules
    assert package.rgb_to_hsv(1, 0, 0) == (0.0, 1, 1)
    assert "rgb_to_hsv" in vars(package)


def test_an_unknown_name_is_an_attribute_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="module 'a_package' has no attribute 'hsv_to_rgb'"):
        _ = package.hsv_to_rgb
    assert not hasattr(package, "__path__")
