"""Reading of the network to export."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from ebb.errors import InvalidInput, UsageError
from ebb_train.export.trained import read_trained
from ebb_train.models.network import save_pynet
from ebb_train.models.weights import About, save_weights
from tests.helpers.networks import lively_network

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.models.network import PyNet


def test_content_of_a_trained_network(weights: Path, network: PyNet) -> None:
    checkpoint = read_trained(weights)
    assert checkpoint.config == network.config
    assert checkpoint.origin() == {
        "file": "small.safetensors",
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "source": "a test",
        "licence": "none",
    }
    photo = np.random.default_rng(0).random((1, 64, 32, 4), np.float32)
    with torch.inference_mode():
        wanted = network.pictures(torch.from_numpy(photo).permute(0, 3, 1, 2), (4,))[4]
    wanted = wanted.permute(0, 2, 3, 1)
    np.testing.assert_array_equal(checkpoint.picture(photo, 4, clip=False), wanted)
    np.testing.assert_array_equal(checkpoint.picture(photo, 4, clip=True), wanted.clamp(0, 1))


def test_levels(tmp_path: Path) -> None:
    save_pynet(tmp_path / "w", lively_network(level=5), source="a test")
    checkpoint = read_trained(tmp_path / "w")
    assert [checkpoint.level(wanted) for wanted in (None, 5, 7)] == [5, 5, 7]
    with pytest.raises(UsageError, match=r"--level 1: the checkpoint ends at level 5"):
        checkpoint.level(1)


def test_weights_of_another_network(tmp_path: Path) -> None:
    save_weights(tmp_path / "w", {"a": np.zeros(3, np.float32)}, About(network="vgg"))
    with pytest.raises(InvalidInput, match="of the network 'vgg'"):
        read_trained(tmp_path / "w")
