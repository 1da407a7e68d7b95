"""Networks by name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ebb.errors import UsageError
from ebb_train import optional

if TYPE_CHECKING:
    from ebb_train.networks.spec import NetworkSpec

PYNET = "pynet"
"""PyNET is described by its own config, :class:`~ebb_train.models.pynet.PyNetConfig`."""

NETWORKS: dict[str, str] = {
    "bokehlicious-small": "bokehlicious",
    "dbsi-style": "dbsi",
    "dbsi-style-thin": "dbsi",
    "dddf": "dddf",
    "dmshn": "dmshn",
    "stacked-dmshn": "dmshn",
    "xiong-style": "xiong",
    "xiong-style-thin": "xiong",
    "yang-style": "yang",
    "yang-style-thin": "yang",
    "zheng-style": "zheng",
}
"""Name → module of this package, whose ``SPECS`` describe it. Add a network: write its file, then a line."""


def check_name(name: str) -> None:
    """Check that there is such a network, without importing PyTorch.

    Raises:
        UsageError: there is none.
    """
    if name != PYNET and name not in NETWORKS:
        raise UsageError(f"no network is called {name!r}", hint=f"one of: {', '.join((PYNET, *NETWORKS))}")


def find_spec(name: str) -> NetworkSpec:
    """The description of a network other than PyNET.

    Raises:
        UsageError: there is no such network.
        MissingDependency: PyTorch is not installed.
    """
    check_name(name)
    optional.torch()
    specs: tuple[NetworkSpec, ...] = import_module(f"ebb_train.networks.{NETWORKS[name]}").SPECS
    return next(spec for spec in specs if spec.name == name)
