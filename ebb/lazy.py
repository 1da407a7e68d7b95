"""Public names of a package that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazy_names(
    package: str, sources: Mapping[str, tuple[str, ...]], packages: tuple[str, ...] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make ``__getattr__`` and ``__dir__`` of a package.

    A name that was looked up becomes an attribute of the package: the second look-up costs nothing.

    Args:
        package: Name of the package.
        sources: Module → the public names that it defines.
        packages: Packages inside it with public names of their own.
    """
    module_of = {name: module for module, names in sources.items() for name in names}

    def get(name: str) -> Any:  # noqa: ANN401 - whatever is public
        if name in packages:
            return import_module(f"{package}.{name}")  # which makes it an attribute
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(module_of[name]), name)
        setattr(sys.modules[package], name, found)
        return found

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *module_of, *packages})

    return get, names
