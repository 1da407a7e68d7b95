"""Conversion: what is in the files, at each precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ebb_train.export.settings import PhotoSize
from ebb_train.export.tflite.convert import to_tflite
from ebb_train.export.tflite.graph import Graph, read_graph
from ebb_train.export.tflite.lint import lint
from ebb_train.export.tflite.probe import probe

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.export.settings import Precision
    from ebb_train.models.network import PyNet

SIZE = PhotoSize(64, 128)


def convert(
    network: PyNet, precision: Precision, level: int = 7, *, clip: bool = False, size: PhotoSize = SIZE
) -> bytes:
    tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    photos = [np.random.default_rng(0).random((1, *size.input, 4), np.float32)]
    return to_tflite(
        tensors, network.config, size, level=level, precision=precision, clip=clip, calibration=photos
    )


def constant_types(graph: Graph) -> set[str]:
    return {tensor.type for tensor in graph.tensors if tensor.stored_bytes > 64}


@pytest.mark.parametrize(
    ("precision", "types"),
    [("fp32", {"FLOAT32"}), ("fp16", {"FLOAT16"}), ("dynamic-int8", {"INT8", "FLOAT32"})],
)
def test_types_of_the_weights(network: PyNet, precision: Precision, types: set[str]) -> None:
    graph = read_graph(convert(network, precision))
    assert constant_types(graph) == types
    assert not lint(graph)
    assert {tensor.type for tensor in graph.present([*graph.inputs, *graph.outputs])} == {"FLOAT32"}


def test_the_gpu_runs_all_operations_on_maps_of_one_pixel(network: PyNet) -> None:
    """The smallest file: the converter takes their mean for the maps themselves, and subtracts these."""
    graph = read_graph(convert(network, "fp16", 6, size=PhotoSize(64, 64)))
    assert [len(op.outputs) for op in graph.ops if op.name == "MAX_POOL_2D"] == [1] * 4
    assert not lint(graph)


def test_int8_computes_in_int8(network: PyNet) -> None:
    graph = read_graph(convert(network, "int8"))
    convolutions = [op for op in graph.ops if op.name == "CONV_2D"]
    assert all(graph.tensors[op.outputs[0]].type == "INT8" for op in convolutions)
    assert {tensor.type for tensor in graph.present([*graph.inputs, *graph.outputs])} == {"FLOAT32"}


def test_all_operations_have_low_versions_and_at_most_four_dimensions(file: Path) -> None:
    graph = read_graph(file.read_bytes())
    assert {op.version for op in graph.ops} == {1}
    assert max(len(tensor.shape) for tensor in graph.tensors) == 4
    assert sum(op.name == "SPACE_TO_DEPTH" for op in graph.ops) == 1
    assert not any(op.name in ("TRANSPOSE", "RESHAPE", "CUSTOM") for op in graph.ops)
    assert sum(op.name == "PAD" for op in graph.ops) == 1  # both doublings of level 7, which is 2 x 3


def test_clip_is_in_the_file(network: PyNet, tmp_path: Path) -> None:
    photo = np.random.default_rng(1).random((1, *SIZE.input, 4), np.float32)
    pictures = []
    for clip in (False, True):
        path = tmp_path / f"{clip}.tflite"
        path.write_bytes(convert(network, "fp32", clip=clip))
        pictures += probe(path, "lean", photos=[photo]).pictures
    assert pictures[0].max() > 1 or pictures[0].min() < 0
    np.testing.assert_array_equal(pictures[1], np.clip(pictures[0], 0, 1))
