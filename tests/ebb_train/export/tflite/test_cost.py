"""Estimates: against the list of layers, against graphs worked out by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ebb_train.export.tflite.cost import estimate
from ebb_train.export.tflite.graph import Graph, Op, Tensor, read_graph
from ebb_train.models.pynet import used_layers
from tests.helpers.networks import PHOTO_SIZE

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.models.network import PyNet


def tensor(*shape: int, stored: int = 0) -> Tensor:
    return Tensor(name="t", type="FLOAT32", shape=shape, dynamic=False, stored_bytes=stored)


def op(index: int, name: str, inputs: tuple[int, ...], output: int) -> Op:
    return Op(index=index, name=name, version=1, inputs=inputs, outputs=(output,))


def test_multiply_adds_and_weights_are_those_of_the_layers(file: Path, network: PyNet) -> None:
    cost = estimate(read_graph(file.read_bytes()))
    used = used_layers(network.config, *PHOTO_SIZE.input)
    padded = 4 / 3  # level 7 is 2 x 3, and 2 x 4 where it is doubled
    wanted = sum(layer.multiply_adds * (padded if "level_7.up" in layer.name else 1) for layer in used)
    assert cost.multiply_adds == pytest.approx(wanted, rel=1e-12)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert cost.weights_bytes == pytest.approx(4 * parameters, rel=0.02)  # without the heads of deeper levels
    assert cost.lean_peak_bytes < cost.peak_bytes


@pytest.mark.parametrize(
    ("name", "inputs", "output", "multiply_adds", "table"),
    [
        ("CONV_2D", [(1, 8, 8, 3), (16, 5, 5, 3)], (1, 8, 8, 16), 8 * 8 * 16 * 25 * 3, 8 * 8 * 25 * 8),
        ("CONV_2D", [(1, 8, 8, 3), (16, 1, 1, 3)], (1, 8, 8, 16), 8 * 8 * 16 * 3, 0),
        ("DEPTHWISE_CONV_2D", [(1, 8, 8, 3), (1, 3, 3, 3)], (1, 8, 8, 3), 8 * 8 * 3 * 9, 0),
        ("TRANSPOSE_CONV", [(4,), (7, 3, 3, 5), (1, 4, 4, 5)], (1, 8, 8, 7), 16 * 9 * 5 * 7, 16 * 9 * 8),
        ("FULLY_CONNECTED", [(2, 10), (6, 10)], (2, 6), 2 * 6 * 10, 0),
        ("BATCH_MATMUL", [(2, 3, 4), (2, 4, 5)], (2, 3, 5), 2 * 3 * 5 * 4, 0),
        ("TANH", [(1, 8)], (1, 8), 0, 0),
    ],
)
def test_single_operations(
    name: str, inputs: list[tuple[int, ...]], output: tuple[int, ...], multiply_adds: int, table: int
) -> None:
    tensors = tuple(tensor(*shape, stored=number == 1) for number, shape in enumerate([*inputs, output]))
    ops = (op(0, name, tuple(range(len(inputs))), len(inputs)),)
    cost = estimate(Graph(tensors=tensors, ops=ops, inputs=(0,), outputs=(len(inputs),)))
    assert (cost.multiply_adds, cost.indirection_bytes) == (multiply_adds, table)


def test_activations_are_freed_after_their_last_use() -> None:
    """0 →tanh→ 1 →tanh→ 2, 0 + 2 → 3: most at a time are tensors 0, 1 and 2."""
    tensors = (tensor(10), tensor(10), tensor(20), tensor(10))
    ops = (op(0, "TANH", (0,), 1), op(1, "TANH", (1,), 2), op(2, "ADD", (0, 2), 3))
    cost = estimate(Graph(tensors=tensors, ops=ops, inputs=(0,), outputs=(3,)))
    assert cost.activations_bytes == 4 * (10 + 10 + 20)


def test_unused_activations_are_freed_too() -> None:
    tensors = (tensor(10), tensor(10), tensor(10), tensor(10))
    ops = (op(0, "TANH", (0,), 1), op(1, "TANH", (0,), 2), op(2, "TANH", (0,), 3))
    cost = estimate(Graph(tensors=tensors, ops=ops, inputs=(0,), outputs=(3,)))
    assert cost.activations_bytes == 4 * (10 + 10)
