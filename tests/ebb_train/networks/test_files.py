"""Weights files of any network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ebb.errors import InvalidInput
from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.models.weights import About, save_weights
from ebb_train.networks.files import load_any, read_network, save_any, takes_depth, takes_f_number
from ebb_train.networks.photo_network import PhotoNetwork, build_network
from ebb_train.networks.spec import NetworkConfig

THIN = NetworkConfig(model="zheng-style", width=1 / 16)


def test_either_kind_is_saved_and_read(tmp_path: Path) -> None:
    for network in (PyNet(PyNetConfig(width=1 / 64)), build_network(THIN, 0)):
        save_any(tmp_path / "a.safetensors", network, source="a test")
        found = load_any(tmp_path / "a.safetensors")
        assert type(found) is type(network)
        assert found.config == network.config
        assert all(map(torch.equal, found.parameters(), network.parameters()))
        assert read_network(tmp_path / "a.safetensors")[1] == network.config


def test_unknown_networks_and_contradictions(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_weights(path, {}, About(network="lens"))
    with pytest.raises(InvalidInput, match=r"weights of the network 'lens', which makes no .*known: pynet, "):
        load_any(path)
    save_weights(path, {}, About(network="dmshn", config=THIN.as_dict()))
    with pytest.raises(
        InvalidInput, match=r"says that it is 'dmshn', and its config that it is 'zheng-style'"
    ):
        load_any(path)
    save_weights(path, {}, About(network="zheng-style", config=THIN.as_dict()))
    with pytest.raises(InvalidInput, match=r"a\.safetensors: weights .* missing in the file"):
        load_any(path)


def test_what_networks_take() -> None:
    def needs(network: PyNet | PhotoNetwork) -> tuple[bool, bool]:
        return takes_depth(network), takes_f_number(network)

    assert needs(PyNet(PyNetConfig(width=1 / 64))) == (True, False)
    assert needs(PyNet(PyNetConfig(width=1 / 64, in_channels=3))) == (False, False)
    assert needs(build_network(THIN, 0)) == (True, False)
    assert needs(build_network(NetworkConfig(model="bokehlicious-small", width=1 / 3), 0)) == (False, True)
