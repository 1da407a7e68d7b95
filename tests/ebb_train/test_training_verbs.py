"""Which network the flags of ``ebb-train fit`` mean."""

from __future__ import annotations

import pytest

from ebb.errors import UsageError
from ebb_train.models.pynet import PAPER, PyNetConfig
from ebb_train.networks.registry import NETWORKS, PYNET
from ebb_train.networks.spec import NetworkConfig
from ebb_train.training_verbs import fit, network_of


def test_networks_by_name() -> None:
    thin = PyNetConfig(level=3, width=0.25)
    assert network_of(PYNET, thin) is thin
    assert network_of("dmshn", PAPER) == NetworkConfig(model="dmshn")
    assert network_of("dddf", PyNetConfig(width=0.25)) == NetworkConfig(model="dddf", width=0.25)


@pytest.mark.parametrize("flag", ["level", "in_channels", "norm"])
def test_flags_of_pynet_alone(flag: str) -> None:
    config = PyNetConfig(**{flag: {"level": 2, "in_channels": 3, "norm": "none"}[flag]})  # type: ignore[arg-type]
    message = rf"--{flag.replace('_', '-')} is for PyNET, and the network is dmshn \(leave it away"
    with pytest.raises(UsageError, match=message):
        network_of("dmshn", config)


def test_an_unknown_name() -> None:
    with pytest.raises(
        UsageError, match=r"no network is called 'dmsn' \(one of: pynet, bokehlicious-small, "
    ):
        network_of("dmsn", PAPER)


def test_the_help_lists_every_network() -> None:
    words = str(fit.__doc__).replace(",", " ").replace(".", " ").split()
    assert {PYNET, *NETWORKS} <= set(words)
