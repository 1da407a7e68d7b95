"""A small network with random weights, and its exported file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ebb_train.export.tflite import note
from ebb_train.export.tflite.convert import to_tflite
from ebb_train.models.network import save_pynet
from tests.helpers.networks import PHOTO_SIZE, lively_network

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.models.network import PyNet


@pytest.fixture(scope="session")
def network() -> PyNet:
    return lively_network()


@pytest.fixture(scope="session")
def weights(network: PyNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_pynet(path, network, source="a test", licence="none")
    return path


@pytest.fixture(scope="session")
def file(network: PyNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole export in fp32, without its checks."""
    tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    data = to_tflite(tensors, network.config, PHOTO_SIZE, level=1, precision="fp32", clip=False)
    origin = {"file": "small.safetensors", "sha256": "ab" * 32, "source": "a test", "licence": "none"}
    about = note.about(network.config, PHOTO_SIZE, level=1, precision="fp32", clip=False, weights=origin)
    path = tmp_path_factory.mktemp("file") / "small.tflite"
    path.write_bytes(note.attach(data, about))
    return path
