"""A network of the registry as a module on planes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ebb.errors import InvalidInput
from ebb_train.models.weights import read_weights
from ebb_train.networks.photo_network import (
    PhotoNetwork,
    build_network,
    load_tensors,
    network_with,
    save_network,
)
from ebb_train.networks.planes import NetworkInputs
from ebb_train.networks.spec import NetworkConfig

pytestmark = pytest.mark.usefixtures("one_torch_thread")

DMSHN = NetworkConfig(model="dmshn", width=1 / 16)


def state(network: PhotoNetwork) -> dict[str, torch.Tensor]:
    return network.module.state_dict()


def test_initial_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = state(build_network(DMSHN, 3))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    other, third = state(build_network(DMSHN, 3)), state(build_network(DMSHN, 4))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not all(torch.equal(one[name], third[name]) for name in one)


def test_planes_become_inputs() -> None:
    """Photo and depth are split; strength and position are passed on."""
    network = build_network(NetworkConfig(model="zheng-style", width=1 / 8), 0).eval()
    planes = torch.rand(2, 4, 32, 24)
    with torch.no_grad():
        expected = network.module(NetworkInputs(planes[:, :3], planes[:, 3:]))
        assert torch.equal(network(planes), expected)
    controlled = build_network(NetworkConfig(model="bokehlicious-small", width=1 / 3), 0).eval()
    extra = {"strength": torch.full((1, 1), 0.5), "position": torch.rand(1, 2, 8, 8)}
    photo = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(controlled(photo, **extra), controlled.module(NetworkInputs(photo, **extra)))


def test_training_gives_all_supervised_pictures_and_evaluation_the_last() -> None:
    network = build_network(NetworkConfig(model="yang-style", width=1 / 16), 0)
    planes = torch.rand(1, 4, 16, 16)
    with torch.no_grad():
        pictures = network.train()(planes)
        assert len(pictures) == 2
        assert torch.equal(network.eval()(planes), pictures[-1])


def test_a_part_alone() -> None:
    network = build_network(NetworkConfig(model="stacked-dmshn", width=1 / 16), 0)
    network.trained_part = "first"
    photo = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        (first,) = network.train()(photo)
        assert torch.equal(first, network.module.first(NetworkInputs(photo)))
        assert torch.equal(network.eval()(photo), network.module(NetworkInputs(photo)))


def test_wrong_shapes_are_named() -> None:
    network = build_network(DMSHN, 0)
    with pytest.raises(InvalidInput, match=r"dmshn: an input of shape \(1, 4, 16, 16\), not \(N, 3, H, W\)"):
        network(torch.rand(1, 4, 16, 16))
    with pytest.raises(InvalidInput, match="dmshn: an input of 24 x 16 pixels: both must be multiples of 16"):
        network(torch.rand(1, 3, 16, 24))


def test_weights_are_saved_and_read(tmp_path: Path) -> None:
    network = build_network(NetworkConfig(model="dbsi-style-thin", width=1 / 4, photo_height=64), 1)
    path = tmp_path / "a.safetensors"
    save_network(path, network, source="a test", licence="none")
    tensors, about = read_weights(path)
    assert (about.network, about.licence) == ("dbsi-style-thin", "none")
    assert about.config == network.config.as_dict()
    found = network_with(tensors, network.config)
    assert not found.training
    assert found.module.blend.height == 64
    assert all(torch.equal(state(found)[name], values) for name, values in state(network).items())
    with pytest.raises(
        InvalidInput, match=r"a\.safetensors: weights encoders\.0\.0\.weight: missing in the file"
    ):
        load_tensors(build_network(DMSHN, 0), tensors, path)
