"""The TensorFlow back end, against the authors' graph and against PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from ebb_train.export.tflite.operations import TensorFlowOperations
from ebb_train.models.network import PyNet, TorchOperations
from ebb_train.models.official import from_official
from ebb_train.models.pynet import LEVELS, PAPER, pynet
from tests.helpers.networks import lively_network
from tests.helpers.pynet_reference import filled_variables, reference_run

if TYPE_CHECKING:
    from numpy.typing import NDArray


def tensors(network: PyNet) -> dict[str, NDArray[np.float32]]:
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def maps(height: int, width: int, channels: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(1, height, width, channels)).astype(np.float32)


def test_golden_parity_with_the_official_network() -> None:
    golden = reference_run()
    pictures = pynet(
        TensorFlowOperations(from_official(filled_variables(), PAPER)), PAPER, golden["input"], LEVELS
    )
    for level in LEVELS:
        assert np.abs(pictures[level] - golden[f"level_{level}"]).max() <= 1e-4, f"level {level}"


@pytest.mark.parametrize(
    "config",
    [{}, {"norm": "none"}, {"norm_level_3": True}, {"in_channels": 3}],
    ids=lambda config: "-".join(map(str, config.values())) or "reference",
)
def test_all_levels_are_those_of_pytorch(config: dict[str, Any]) -> None:
    network = lively_network(**config)
    photo = np.abs(maps(128, 96, network.config.in_channels))
    found = pynet(TensorFlowOperations(tensors(network)), network.config, photo, LEVELS)
    with torch.inference_mode():
        wanted = network.pictures(torch.from_numpy(photo).permute(0, 3, 1, 2), LEVELS)
    for level in LEVELS:
        np.testing.assert_allclose(found[level], wanted[level].permute(0, 2, 3, 1), atol=1e-4)


@pytest.mark.parametrize("size", [(2, 2), (5, 3), (8, 6)])
def test_up_keeps_the_first_rows_and_columns(size: tuple[int, int]) -> None:
    network = lively_network()
    name = "level_5.up.0"
    x = maps(*size, network.get_parameter(f"{name}.weight").shape[0])
    found = TensorFlowOperations(tensors(network)).up(
        name, x, network.get_parameter(f"{name}.weight").shape[1]
    )
    with torch.inference_mode():
        wanted = TorchOperations(network).up(name, torch.from_numpy(x).permute(0, 3, 1, 2), 0)
    np.testing.assert_allclose(found, wanted.permute(0, 2, 3, 1), atol=1e-5)


def test_instance_norm_is_accurate_for_a_large_mean() -> None:
    """The mean of squares minus the square of the mean would lose all digits here."""
    network = lively_network()
    name = "level_7.a1.3x3.0"
    with torch.no_grad():
        network.get_parameter(f"{name}.bias").fill_(1000)
    x = 0.01 * maps(16, 16, network.get_parameter(f"{name}.weight").shape[1])
    found = np.asarray(TensorFlowOperations(tensors(network)).conv(name, x, 3, 0, norm=True))
    precise = network.double()
    with torch.inference_mode():
        wanted = TorchOperations(precise).conv(
            name, torch.from_numpy(x).double().permute(0, 3, 1, 2), 3, 0, norm=True
        )
    assert np.abs(found - wanted.permute(0, 2, 3, 1).numpy()).max() < 0.05
    assert np.isfinite(found).all()


def test_instance_norm_of_one_pixel_is_its_shift() -> None:
    network = lively_network()
    name = "level_7.a1.3x3.0"
    x = maps(1, 1, network.get_parameter(f"{name}.weight").shape[1])
    found = TensorFlowOperations(tensors(network)).conv(name, x, 3, 0, norm=True)
    with torch.inference_mode():
        wanted = TorchOperations(network).conv(name, torch.from_numpy(x).permute(0, 3, 1, 2), 3, 0, norm=True)
    np.testing.assert_allclose(found, wanted.permute(0, 2, 3, 1), atol=1e-5)


def test_clip() -> None:
    net = TensorFlowOperations({})
    np.testing.assert_array_equal(
        net.clip(np.float32([-0.08, 0, 0.5, 1, 1.08])), np.float32([0, 0, 0.5, 1, 1])
    )
