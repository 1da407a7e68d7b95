"""Networks ready to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from ebb.errors import InvalidInput, UsageError
from ebb_train.inference.network import load_network
from ebb_train.models.network import save_pynet
from tests.helpers.networks import lively_network

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_and_its_run_folder_give_the_same_network(tmp_path: Path) -> None:
    network = lively_network()
    save_pynet(tmp_path / "level-1.safetensors", network, source="a test")
    for path in (tmp_path, tmp_path / "level-1.safetensors"):
        found = load_network(path, "cpu")
        assert found.config == network.config
        assert all(map(torch.equal, found.parameters(), network.parameters()))


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no level-N\.safetensors"):
        load_network(tmp_path, "cpu")
    with pytest.raises(InvalidInput, match="no such weights file"):
        load_network(tmp_path / "none.safetensors", "cpu")
    save_pynet(tmp_path / "level-1.safetensors", lively_network(), source="a test")
    with pytest.raises(UsageError, match="abacus"):
        load_network(tmp_path, "abacus")
