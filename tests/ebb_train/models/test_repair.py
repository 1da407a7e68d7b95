"""The repair network's description; :mod:`tests.ebb_train.lens` runs it."""

from __future__ import annotations

import math

import pytest

from ebb.errors import InvalidInput
from ebb_train.models.blocks import Declaration, Shape
from ebb_train.models.repair import RepairConfig, logit_change, repair_layers


def conv(inputs: int, outputs: int, kernel: int = 3) -> int:
    return inputs * outputs * kernel**2 + outputs


def test_number_of_parameters() -> None:
    """By hand: weights and biases of every convolution."""
    down = conv(4 * 8, 24) + conv(4 * 24, 40) + 2 * conv(40, 40) + conv(4 * 40, 56) + 4 * conv(56, 56)
    middle = conv(56, 4 * 40, 1) + conv(80, 40) + 2 * conv(40, 40)
    fine = conv(40, 4 * 24, 1) + conv(48, 24) + 2 * conv(24, 24)
    total = sum(
        math.prod(shape) for layer in repair_layers(RepairConfig()) for shape in layer.tensors.values()
    )
    assert total == down + middle + fine + conv(24, 4)
    assert 4 * total < 2e6


def test_shapes() -> None:
    net = Declaration()
    assert logit_change(net, RepairConfig(), Shape(8, 16, 24)) == Shape(1, 16, 24)
    sizes = {layer.name: (layer.height, layer.width) for layer in repair_layers(RepairConfig(), 16, 24)}
    assert sizes["fine"] == sizes["logit"] == (8, 12)
    assert sizes["middle_merge"] == (4, 6)
    assert sizes["coarse"] == sizes["block_1.1"] == (2, 3)


def test_config() -> None:
    config = RepairConfig(fine=8, coarse=16, blocks=1, least_mean=0.1)
    assert RepairConfig.from_dict(config.as_dict()) == config
    with pytest.raises(InvalidInput, match="not the config of a repair network"):
        RepairConfig.from_dict({"width": 3})
    for values in ({"blocks": 0}, {"steepness": 0.5}, {"least_change": float("nan")}, {"least_mean": 1.1}):
        with pytest.raises(InvalidInput, match="must have positive sizes and shares within"):
            RepairConfig(**values)  # type: ignore[arg-type]
