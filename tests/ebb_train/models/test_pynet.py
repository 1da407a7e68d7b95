"""Parameters, costs and sizes of the network, and the layers of each level."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.errors import InvalidInput, UsageError
from ebb_train.models.blocks import Declaration, Layer, Shape
from ebb_train.models.pynet import (
    LEVELS,
    PAPER,
    PyNetConfig,
    layers,
    output_size,
    pynet,
    tensor_shapes,
    used_layers,
)

PARAMETERS = {
    "encoder": 1_177_792,
    "level_7": 20_080_131,
    "level_6": 7_682_307,
    "level_5": 7_579_779,
    "level_4": 6_746_179,
    "level_3": 4_282_915,
    "level_2": 2_523,
    "level_1": 165,
}
"""Of the authors' graph; a level's doublings for the next level count as its own."""


def parameters(of: list[Layer]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for layer in of:
        counts[layer.name.split(".")[0]] += sum(math.prod(shape) for shape in layer.tensors.values())
    return counts


def test_parameters_are_those_of_the_paper() -> None:
    assert parameters(layers(PAPER)) == PARAMETERS
    assert sum(math.prod(shape) for shape in tensor_shapes(PAPER).values()) == 47_551_791


def test_cost_of_one_full_size_photo() -> None:
    total = sum(layer.multiply_adds for layer in used_layers(PAPER, 512, 768))
    assert total == pytest.approx(658e9, rel=0.001)


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_has_what_its_picture_needs_and_the_heads_of_deeper_levels(level: int) -> None:
    config = replace(PAPER, level=level)
    mine, used = {la.name for la in layers(config)}, {la.name for la in used_layers(config)}
    assert mine - used == {
        f"level_{deeper}.out" for deeper in LEVELS if deeper > max(level, 2 * (level == 1))
    }
    assert mine <= {la.name for la in layers(PAPER)}
    assert not any(la.name.startswith(f"level_{level - 1}.") for la in layers(config))
    counts = parameters(layers(config))
    for name in ("encoder", *(f"level_{deeper}" for deeper in LEVELS if deeper > level)):
        assert counts[name] == PARAMETERS[name]
    ups_left_out = sum(
        math.prod(la.tensors["weight"]) for la in layers(PAPER) if la.name.startswith(f"level_{level}.up")
    )
    assert counts[f"level_{level}"] == PARAMETERS[f"level_{level}"] - (ups_left_out if level > 3 else 0)


def test_deeper_layers_come_in_the_same_order_at_every_level() -> None:
    everything = [la.name for la in layers(PAPER)]
    for level in LEVELS:
        names = [la.name for la in layers(replace(PAPER, level=level))]
        assert names == [name for name in everything if name in set(names)]


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(LEVELS), st.integers(1, 20), st.integers(1, 20), st.sampled_from([1 / 16, 1 / 8, 1.0]))
def test_pictures_have_the_stated_sizes(level: int, rows: int, columns: int, width: float) -> None:
    height, columns = 32 * rows, 32 * columns
    config = PyNetConfig(width=width)
    pictures = pynet(Declaration(), config, Shape(4, height, columns), (level, 7))
    assert set(pictures) == {level, 7}
    for number, picture in pictures.items():
        assert picture == Shape(3, *output_size(number, height, columns))


def test_sizes_by_level() -> None:
    assert [output_size(level, 512, 768) for level in LEVELS] == [
        (16, 24),
        (32, 48),
        (64, 96),
        (128, 192),
        (256, 384),
        (512, 768),
        (1024, 1536),
    ]


def test_layers_with_instance_norm() -> None:
    def normed(config: PyNetConfig) -> Counter[str]:
        return Counter(la.name.split(".")[0] for la in layers(config) if la.norm)

    reference = normed(PAPER)
    assert reference["level_3"] == 0
    assert not any(la.norm for la in layers(PAPER) if la.name.startswith("encoder.e3"))
    assert all(la.norm for la in layers(PAPER) if "level_5.c" in la.name or "encoder.e4" in la.name)
    assert not normed(PyNetConfig(norm="none"))
    assert normed(PyNetConfig(norm="none", norm_level_3=True)) == {"level_3": 4 * 8}
    assert all(
        "9x9" in la.name or la.name.split(".")[1] in {"f4", "f5", "f6", "f7"}
        for la in layers(PyNetConfig(norm="none", norm_level_3=True))
        if la.norm
    )


def test_input_without_depth_changes_the_first_layers_only() -> None:
    with_depth, without = tensor_shapes(PAPER), tensor_shapes(PyNetConfig(in_channels=3))
    assert {name for name in with_depth if with_depth[name] != without[name]} == {"encoder.e3.3x3.0.weight"}
    assert without["encoder.e3.3x3.0.weight"] == (32, 12, 3, 3)


def test_width() -> None:
    narrow = PyNetConfig(width=1 / 8)
    assert [narrow.channels(count) for count in (512, 32, 8, 3)] == [64, 4, 1, 1]
    assert tensor_shapes(narrow)["level_1.up.weight"] == (3, 3, 3, 3)
    count = sum(math.prod(shape) for shape in tensor_shapes(narrow).values())
    assert 1 < count / (47_551_791 / 64) < 1.04  # a little more, for the colours


def test_a_thin_network_keeps_the_maps_that_colours_pass_through() -> None:
    thin = {layer.name: layer.out_channels for layer in layers(PyNetConfig(width=1 / 64))}
    assert thin["encoder.e3.3x3.1"] == 16
    assert thin["level_3.f11.3x3.1"] == 8
    assert thin["level_2.up"] == 8
    assert thin["level_3.f4.9x9.1"] == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"level": 0}, r"there is no level 0 \(levels go from 7 \(smallest\) to 1\)"),
        ({"level": 8}, "there is no level 8"),
        ({"in_channels": 5}, r"5 input channels \(4: RGB and depth, 3: RGB alone\)"),
        ({"norm": "batch"}, r"norm 'batch' \(one of: reference, none\)"),
        ({"width": 0.0}, r"width 0 is not in \(0, 4\]"),
        ({"width": math.nan}, r"width nan is not in \(0, 4\]"),
    ],
)
def test_invalid_configs(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PyNetConfig(**values)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="not a PyNET config"):
        PyNetConfig.from_dict(PAPER.as_dict() | values)


def test_config_to_plain_values_and_back() -> None:
    config = PyNetConfig(level=3, in_channels=3, norm="none", norm_level_3=True, width=0.25)
    assert PyNetConfig.from_dict(config.as_dict()) == config
    for odd in ({"depth": 3}, {"level": "1"}, {"level": True}):
        with pytest.raises(InvalidInput, match="fields: level, in_channels, norm, norm_level_3, width"):
            PyNetConfig.from_dict(config.as_dict() | odd)
    with pytest.raises(InvalidInput, match="not a PyNET config"):
        PyNetConfig.from_dict({"level": 1})


def test_another_config_is_refused_by_what_differs() -> None:
    PAPER.require(PyNetConfig())
    message = "weights of another network: level is 1, not 3, width is 1.0, not 0.5"
    with pytest.raises(InvalidInput, match=message):
        PAPER.require(PyNetConfig(level=3, width=0.5))
