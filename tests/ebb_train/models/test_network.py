"""PyNET in PyTorch, against the authors' graph and against definitions written out in NumPy."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ebb.errors import InvalidInput
from ebb_train.models.blocks import Layer
from ebb_train.models.network import (
    PyNet,
    TorchOperations,
    Up,
    initial_sigma,
    instance_norm,
    load_pynet,
    save_pynet,
)
from ebb_train.models.official import from_official
from ebb_train.models.pynet import LEVELS, PAPER, PyNetConfig, layers, output_size, tensor_shapes
from tests.helpers.pynet_reference import filled_variables, reference_run

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

SMALL = PyNetConfig(width=1 / 16)


@pytest.fixture(scope="module")
def official() -> PyNet:
    """The full network with the variables of the reference run."""
    with torch.device("meta"):
        network = PyNet()
    tensors = from_official(filled_variables(), PAPER)
    network.load_state_dict({name: torch.from_numpy(v) for name, v in tensors.items()}, assign=True)
    return network.eval()


def small(level: int = 1, seed: int = 0, **values: object) -> PyNet:
    torch.manual_seed(seed)
    network = PyNet(replace(SMALL, level=level, **values))  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
    return network


def photo(height: int = 64, width: int = 96, channels: int = 4, count: int = 1) -> torch.Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["nchw", "nhwc"])
def test_golden_parity_with_the_official_network(official: PyNet, layout: torch.memory_format) -> None:
    golden = reference_run()
    x = torch.from_numpy(golden["input"]).permute(0, 3, 1, 2)
    network = official.to(memory_format=layout)
    with torch.inference_mode():
        pictures = network.pictures(x.contiguous(memory_format=layout), LEVELS)
    assert sum(parameter.numel() for parameter in network.parameters()) == 47_551_791
    for level in LEVELS:
        difference = pictures[level].permute(0, 2, 3, 1).numpy() - golden[f"level_{level}"]
        assert np.abs(difference).max() <= 1e-4, f"level {level}"


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_alone_gives_the_picture_it_gives_in_the_full_network(level: int) -> None:
    whole, alone = small(), small(level)
    alone.load_state_dict({name: whole.state_dict()[name] for name in alone.state_dict()})
    with torch.inference_mode():
        picture = alone(photo())
        assert torch.equal(picture, whole.pictures(photo(), LEVELS)[level])
    assert picture.shape[2:] == output_size(level, 64, 96)


@pytest.mark.parametrize("level", LEVELS)
def test_every_trainable_parameter_gets_a_gradient(level: int) -> None:
    network = small(level)
    network(photo()).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert (parameter.grad is not None) is parameter.requires_grad, name
    frozen = {name.rsplit(".", 1)[0] for name, p in network.named_parameters() if not p.requires_grad}
    assert all(name.endswith(".out") for name in frozen)


def test_images_of_a_batch_are_independent() -> None:
    network, x = small(norm_level_3=True), photo(count=3)
    with torch.inference_mode():
        together, alone = network(x), torch.cat([network(one) for one in x.split(1)])
    assert (together - alone).abs().max() < 1e-5


def test_smallest_input_trains() -> None:
    network = small()
    picture = network(photo(32, 32))
    assert picture.shape == (1, 3, 64, 64)
    picture.mean().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


def test_starting_values() -> None:
    network = PyNet(PyNetConfig(width=1 / 4))
    weights = torch.cat([p.detach().flatten() for n, p in network.named_parameters() if n.endswith("weight")])
    assert weights.abs().max() <= 0.02
    assert weights.mean().abs() < 1e-4
    # a normal distribution cut off at two sigma has 0.8796 of its deviation
    assert float(weights.std()) == pytest.approx(0.008796, rel=0.01)
    for name, parameter in network.named_parameters():
        start = {"bias": 0.01, "shift": 0.0, "scale": 1.0}.get(name.rsplit(".", 1)[1])
        assert start is None or bool((parameter == start).all())


def test_starting_values_follow_the_generator() -> None:
    one, other = small(7, seed=1), small(7, seed=2)
    for network in (one, other):
        network.reset_parameters(torch.Generator().manual_seed(3))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_names_and_shapes_are_those_of_the_list_of_layers() -> None:
    for level in LEVELS:
        config = replace(SMALL, level=level)
        with torch.device("meta"):
            state = PyNet(config).state_dict()
        assert {name: tuple(tensor.shape) for name, tensor in state.items()} == tensor_shapes(config)
    assert "level_5.c2.5x5.0.weight" in tensor_shapes(PAPER)


@pytest.mark.parametrize("values", [{"in_channels": 3}, {"norm": "none"}, {"norm_level_3": True}])
def test_variants_run(values: dict[str, object]) -> None:
    network = small(**values)
    with torch.inference_mode():
        picture = network(photo(channels=network.config.in_channels))
    assert picture.isfinite().all()
    assert picture.shape == (1, 3, 128, 192)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_traces_as_one_graph() -> None:
    network = small(6)
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    with torch.inference_mode():
        assert torch.equal(compiled(photo()), network(photo()))


def test_bfloat16_autocast_is_close() -> None:
    network = small()
    with torch.inference_mode():
        exact = network(photo())
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(photo())
    assert (exact - rough.float()).abs().mean() < 0.02


def test_copies_are_independent() -> None:
    network = small(7)
    copy = deepcopy(network)
    with torch.no_grad():
        next(network.parameters()).zero_()
    assert not torch.equal(network(photo()), copy(photo()))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 4, 64, 100), "an input of 100 x 64 pixels: both must be multiples of 32"),
        ((1, 4, 0, 32), "an input of 32 x 0 pixels"),
        ((1, 3, 64, 64), r"an input of shape \(1, 3, 64, 64\), not \(N, 4, H, W\) \(4 channels: RGB and"),
        ((4, 64, 64), r"an input of shape \(4, 64, 64\)"),
    ],
)
def test_invalid_inputs(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        small(7)(torch.zeros(shape))


@pytest.mark.parametrize("levels", [(), (2,), (7, 8)])
def test_missing_levels(levels: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput, match="of a network of levels 7 to 3"):
        small(3).pictures(photo(), levels)


def test_space_to_depth_has_tensorflows_order() -> None:
    x = torch.arange(2 * 3 * 4 * 6.0).reshape(2, 3, 4, 6)
    y = TorchOperations(torch.nn.Module()).space_to_depth(x)
    assert y.shape == (2, 12, 2, 3)
    for row in range(2):
        for column in range(2):
            for channel in range(3):
                expected = x[:, channel, row::2, column::2]
                assert torch.equal(y[:, (2 * row + column) * 3 + channel], expected)


def doubled(x: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """TensorFlow's SAME: every input pixel paints its kernel from twice its position on; the rest is cut."""
    _, height, width = x.shape
    full = np.zeros((weight.shape[1], 2 * height + 1, 2 * width + 1))
    for row, column in np.ndindex(height, width):
        painted = np.tensordot(x[:, row, column], weight, axes=1)
        full[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += painted
    cut = full[:, : 2 * height, : 2 * width]
    return np.where(cut < 0, 0.2 * cut, cut)


def test_up_is_aligned_as_in_tensorflow() -> None:
    torch.manual_seed(1)
    layer = Layer(name="u", kind="up", kernel=3, in_channels=2, out_channels=5, norm=False, height=3, width=4)
    up, x = Up(layer).double(), torch.randn(1, 2, 3, 4, dtype=torch.float64)
    expected = doubled(x[0].numpy(), up.weight.detach().numpy())
    np.testing.assert_allclose(up(x)[0].detach().numpy(), expected, atol=1e-12)
    shifted = F.conv_transpose2d(x, up.weight, stride=2, padding=1, output_padding=1)
    assert not torch.allclose(F.leaky_relu(shifted, 0.2), up(x))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["nchw", "nhwc"])
def test_instance_norm_is_exact_far_from_zero(layout: torch.memory_format) -> None:
    rng = np.random.default_rng(3)
    x = (rng.standard_normal((2, 16, 24, 32)) * 0.1 + 10).astype(np.float32)
    scale, shift = rng.standard_normal((2, 16)).astype(np.float32)
    y = instance_norm(
        torch.from_numpy(x).contiguous(memory_format=layout), torch.from_numpy(scale), torch.from_numpy(shift)
    )
    wide = x.astype(np.float64)
    mean, variance = wide.mean((2, 3), keepdims=True), wide.var((2, 3), keepdims=True)
    expected = (wide - mean) / np.sqrt(variance + 1e-3) * scale[:, None, None] + shift[:, None, None]
    np.testing.assert_allclose(y.numpy(), expected, atol=1e-4)


def test_a_level_starts_from_the_one_before() -> None:
    deeper, network = small(4, seed=1), small(3, seed=2)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.start_from(deeper.state_dict(), deeper.config)
    for name, tensor in network.state_dict().items():
        source = deeper.state_dict().get(name, before[name])
        assert torch.equal(tensor, source), name
    assert set(before) - set(deeper.state_dict()) == {
        name for name in before if name.startswith(("level_4.up", "level_3"))
    }


def test_invalid_starts_of_a_level() -> None:
    network = small(3)
    with pytest.raises(InvalidInput, match="level 3 cannot start from level 2, which comes after it"):
        network.start_from(small(2).state_dict(), replace(SMALL, level=2))
    with pytest.raises(InvalidInput, match="in_channels is 3, not 4"):
        network.start_from({}, replace(SMALL, level=4, in_channels=3))
    state = small(4).state_dict()
    del state["level_4.out.bias"]
    with pytest.raises(InvalidInput, match=r"weights level_4.out.bias: missing in the file, \(3,\)"):
        network.start_from(state, replace(SMALL, level=4))


def test_saved_networks_round_trip(tmp_path: Path) -> None:
    network = small(3).to(memory_format=torch.channels_last)
    digest = save_pynet(tmp_path / "a.safetensors", network, source="a test")
    assert digest == save_pynet(tmp_path / "b.safetensors", network, source="a test")
    loaded = load_pynet(tmp_path / "a.safetensors", network.config)
    assert loaded.config == network.config
    assert not loaded.training
    assert {n for n, p in loaded.named_parameters() if p.requires_grad} == {
        n for n, p in network.named_parameters() if p.requires_grad
    }
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


def test_weights_of_another_config_are_refused(tmp_path: Path) -> None:
    save_pynet(tmp_path / "a.safetensors", small(5), source="a test")
    with pytest.raises(InvalidInput, match=r"a.safetensors: weights of another network: level is 5, not 4"):
        load_pynet(tmp_path / "a.safetensors", replace(SMALL, level=4))


def test_every_kind_of_layer_is_in_the_network() -> None:
    assert {layer.kind for layer in layers(SMALL)} == {"conv", "up", "linear"}


@pytest.mark.parametrize("kind", ["conv", "up", "linear"])
def test_weight_init_by_the_paper_and_by_fan_in(kind: Any) -> None:
    layer = Layer(
        name="a", kind=kind, kernel=3, in_channels=4, out_channels=64, norm=False, height=8, width=8
    )
    assert initial_sigma(layer, "paper") == 0.01
    expected = {
        "conv": 1 / 6,
        "up": 1 / 3,
        "linear": 0.01,
    }  # 4 inputs of 9 taps, or of 9 / 4; pictures start grey
    assert initial_sigma(layer, "fan_in") == pytest.approx(expected[kind])


@pytest.mark.parametrize(("spread", "low", "high"), [("paper", 0.0, 0.001), ("fan_in", 0.03, 0.3)])
def test_a_thin_network_has_a_signal_at_first(spread: Any, low: float, high: float) -> None:
    """How far the maps before level 3's picture vary, for an input that varies by 0.29."""
    torch.set_num_threads(1)
    thin = PyNet(PyNetConfig(level=3, width=1 / 8))
    thin.reset_parameters(torch.Generator().manual_seed(0), spread)
    maps: list[Tensor] = []
    thin.get_submodule("level_3.f11.3x3.1").register_forward_hook(lambda _, __, out: maps.append(out))
    thin(torch.rand(1, 4, 64, 64, generator=torch.Generator().manual_seed(1)))
    assert low <= float(maps[0].detach().std(dim=(2, 3)).mean()) < high


def test_only_a_network_with_level_1_can_start_it() -> None:
    with pytest.raises(InvalidInput, match="levels 7 to 2 has no level 1"):
        PyNet(PyNetConfig(level=2, width=1 / 64)).enlarge_level_2()
