"""The repair network's description; :mod:`tests.ebb_train.lens` runs it."""

from __future__ import annotations

import pytest

from ebb.errors import InvalidInput
from ebb_train.models.blocks import Declaration, Shape
from ebb_train.models.repair import RepairConfig, repair_layers, repair_maps


def parameters(config: RepairConfig) -> int:
    total = 0
    for layer in repair_layers(config):
        for shape in layer.tensors.values():
            count = 1
            for side in shape:
                count *= side
            total += count
    return total


def test_number_of_parameters() -> None:
    """By hand: weights and biases of every convolution, no bias of the enlargement."""
    fine = 36 * 32 * 9 + 32
    coarse = 4 * 32 * 48 * 9 + 48 + 8 * (48 * 48 * 9 + 48)
    up, merge, out = 48 * 32 * 9, 64 * 32 * 9 + 32, 32 * 84 * 9 + 84
    assert parameters(RepairConfig()) == fine + coarse + up + merge + out == 288_580
    assert 4 * 288_580 < 2e6


def test_shapes() -> None:
    net = Declaration()
    assert repair_maps(net, RepairConfig(), Shape(9, 16, 24)) == Shape(21, 16, 24)
    sizes = {layer.name: (layer.height, layer.width) for layer in repair_layers(RepairConfig(), 16, 24)}
    assert sizes["fine"] == sizes["merge"] == (8, 12)
    assert sizes["coarse"] == sizes["block_3.1"] == (4, 6)


def test_config() -> None:
    config = RepairConfig(fine=8, coarse=16, blocks=1)
    assert RepairConfig.from_dict(config.as_dict()) == config
    with pytest.raises(InvalidInput, match="not the config of a repair network"):
        RepairConfig.from_dict({"width": 3})
    for values in ({"blocks": 0}, {"threshold": 1.0}, {"threshold": float("nan")}):
        with pytest.raises(InvalidInput, match="must have positive sizes and a threshold below 1"):
            RepairConfig(**values)  # type: ignore[arg-type]
