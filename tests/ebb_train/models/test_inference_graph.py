"""The fast network against the one it stands for, and its filters against plain convolutions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ebb.errors import InvalidInput
from ebb_train.inference.whole_photo import render_full_image
from ebb_train.models.inference_graph import POINTS, InferenceGraph, InferenceOperations, make_filters
from ebb_train.models.network import PyNet
from ebb_train.models.official import from_official
from ebb_train.models.pynet import LEVELS, PAPER, PyNetConfig
from tests.helpers.datasets import photos
from tests.helpers.pynet_reference import filled_variables, reference_run

SMALL = PyNetConfig(width=1 / 16)


def network(**values: object) -> PyNet:
    torch.manual_seed(0)
    made = PyNet(replace(SMALL, **values))  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
    return made.eval()


def photo(height: int = 64, width: int = 96, channels: int = 4, count: int = 1) -> torch.Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(7))


def test_golden_parity_with_the_official_network() -> None:
    golden = reference_run()
    with torch.device("meta"):
        official = PyNet()
    tensors = from_official(filled_variables(), PAPER)
    official.load_state_dict({name: torch.from_numpy(v) for name, v in tensors.items()}, assign=True)
    picture = InferenceGraph(official)(torch.from_numpy(golden["input"]).permute(0, 3, 1, 2))
    assert np.abs(picture.permute(0, 2, 3, 1).numpy() - golden["level_1"]).max() <= 1e-4


@pytest.mark.parametrize("level", LEVELS)
def test_every_level(level: int) -> None:
    plain = network(level=level)
    with torch.inference_mode():
        expected = plain(photo())
    assert (InferenceGraph(plain)(photo()) - expected).abs().max() < 1e-4


@pytest.mark.parametrize("values", [{"in_channels": 3}, {"norm": "none"}, {"norm_level_3": True}])
def test_variants(values: dict[str, object]) -> None:
    plain = network(**values)
    x = photo(channels=plain.config.in_channels)
    with torch.inference_mode():
        expected = plain(x)
    assert (InferenceGraph(plain)(x) - expected).abs().max() < 1e-4


@pytest.mark.parametrize(("height", "width", "count"), [(32, 32, 1), (64, 160, 3), (96, 32, 2)])
def test_several_sizes_in_sequence(height: int, width: int, count: int) -> None:
    """Buffers are reused, without traces of the previous picture."""
    plain = network()
    fast = InferenceGraph(plain)
    for x in (photo(96, 192), photo(height, width, count=count)):
        with torch.inference_mode():
            expected = plain(x)
        assert (fast(x) - expected).abs().max() < 1e-4
    assert torch.equal(fast(x), fast(x))


def test_without_minimal_filtering() -> None:
    plain = network()
    direct = InferenceGraph(plain, winograd=False)
    x = photo()
    with torch.inference_mode():
        expected = plain(x)
    assert (direct(x) - expected).abs().max() < 1e-4
    assert not direct._operations._filters  # no filter was made: all convolutions are direct


def test_a_full_image() -> None:
    wide, _, depth = photos(1, 150, 90)
    plain = network()
    difference = render_full_image(InferenceGraph(plain), wide, depth) - render_full_image(plain, wide, depth)
    assert np.abs(difference).max() < 1e-4


def test_other_inputs_are_refused() -> None:
    with pytest.raises(InvalidInput, match="both must be multiples of 32"):
        InferenceGraph(network())(photo(33, 32))


@pytest.mark.parametrize("taps", list(POINTS))
@pytest.mark.parametrize("size", [3, 5, 7, 9])
@pytest.mark.parametrize("extra", [0, 2])
def test_filters_are_the_convolution(taps: int, size: int, extra: int) -> None:
    """Against float64; ``extra`` columns more to the left, as where a larger kernel shares the inputs."""
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(6, 4, size, size, generator=generator, dtype=torch.float64)
    bias, x = torch.randn(6, generator=generator), torch.randn(2, 5, 13, 4, generator=generator)
    expected = F.conv2d(x.double().permute(0, 3, 1, 2), weight, bias.double(), padding=size // 2)
    operations = InferenceOperations(network())
    left = size // 2 + extra
    operations._filters["layer", left] = make_filters(weight.float(), bias, taps, left)
    operations._layers["layer"] = {}
    with torch.inference_mode():
        result = torch.empty(2, 5, 13, 6)
        filters = -(-(left + size // 2 + 1) // taps)
        inputs = operations._transform(x, taps, left, filters)
        operations._filter("layer", inputs, taps, left, result, norm=False)
    expected = F.leaky_relu(expected, 0.2).permute(0, 2, 3, 1)
    assert (result - expected).abs().max() < 2e-5 * expected.abs().max()


def test_normalisation_is_accurate_for_a_large_mean() -> None:
    operations = InferenceOperations(network())
    maps = torch.randn(1, 40, 50, 8, generator=torch.Generator().manual_seed(1)) * 0.1 + 10
    exact = maps.double() - maps.double().mean((1, 2), keepdim=True)
    exact = F.leaky_relu(exact * torch.rsqrt(exact.square().mean((1, 2), keepdim=True) + 1e-3), 0.2)
    operations._layers["layer"] = {"scale": torch.ones(8), "shift": torch.zeros(8)}
    result = torch.empty_like(maps)
    operations._finish("layer", maps, result, norm=True)
    assert (result - exact).abs().max() < 1e-5
