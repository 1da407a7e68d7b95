"""The rules of the GPU delegate: on graphs made up for each, and on files of TensorFlow's converter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ebb.command import run_verb
from ebb_train import cli, optional
from ebb_train.export.tflite.convert import _quiet
from ebb_train.export.tflite.graph import Graph, Op, Tensor, read_graph
from ebb_train.export.tflite.lint import lint, longest_run

if TYPE_CHECKING:
    from collections.abc import Callable

MAPS = (1, 8, 8, 4)
STRIDES = {"strideH": 1, "strideW": 1}
FILES = Path(__file__).parents[3] / "golden" / "tflite"
"""Files with one fault each, in an attribute."""


def tensor(
    shape: tuple[int, ...] = MAPS, kind: str = "FLOAT32", *, stored: int = 0, dynamic: bool = False
) -> Tensor:
    return Tensor(name="t", type=kind, shape=shape, dynamic=dynamic, stored_bytes=stored)


def graph_of(
    name: str, *inputs: Tensor, version: int = 1, output: Tensor | None = None, **options: float
) -> Graph:
    tensors = (*inputs, output or tensor())
    op = Op(
        index=0,
        name=name,
        version=version,
        inputs=tuple(range(len(inputs))),
        outputs=(len(inputs),),
        options=options,
    )
    runtime = [number for number, one in enumerate(inputs) if not one.stored_bytes]
    return Graph(tensors=tensors, ops=(op,), inputs=tuple(runtime), outputs=(len(inputs),))


def converted(function: Callable[[Any], Any], shape: tuple[int, ...] = MAPS) -> Graph:
    tf = optional.tensorflow()
    spec = tf.TensorSpec(shape, tf.float32)
    concrete = tf.function(function, input_signature=[spec], autograph=False).get_concrete_function()
    with _quiet():
        return read_graph(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())


@pytest.mark.parametrize(
    ("graph", "rule"),
    [
        (graph_of("RFFT2D", tensor()), "does not know"),
        (graph_of("CUSTOM:FlexErf", tensor()), "does not know"),
        (graph_of("ADD", tensor(), tensor(), version=3), "version 3; up to 2"),
        (graph_of("RESHAPE", tensor((1, 4, 2, 4, 2, 4))), "6 dimensions"),
        (graph_of("TANH", tensor(), output=tensor((1, 2, 2, 2, 2))), "5 dimensions"),
        (graph_of("TANH", tensor(kind="INT8")), "type INT8"),
        (graph_of("MAXIMUM", tensor(), tensor((2,), "INT32")), "type INT32"),
        (graph_of("TANH", tensor(dynamic=True)), "not fixed"),
        (
            graph_of("CONV_2D", tensor(), tensor((4, 3, 3, 2)), **STRIDES),
            "weights of groups that are computed",
        ),
        (graph_of("MEAN", tensor(), tensor((2,))), "axes that are computed"),
        (graph_of("CONV_2D", tensor(), **STRIDES), "missing weights"),
        (graph_of("MUL", tensor(), tensor((8, 4))), "cannot be broadcast"),
        (graph_of("ADD", tensor()), "1 operands"),
    ],
)
def test_each_rule(graph: Graph, rule: str) -> None:
    faults = lint(graph)
    assert [rule in fault.rule for fault in faults] == [True]
    assert faults[0].op == graph.ops[0].name


@pytest.mark.parametrize(
    "graph",
    [
        graph_of("ADD", tensor(), tensor((4,), stored=16)),
        graph_of("ADD", tensor(), tensor((), stored=4)),
        graph_of("MUL", tensor(), tensor((1, 4), stored=16)),
        graph_of("MUL", tensor(), tensor((8, 8, 4)), version=3),
        graph_of("CONV_2D", tensor(), tensor((4, 3, 3, 4), "INT8", stored=144), version=6, **STRIDES),
        graph_of("CONV_2D", tensor(), tensor((4, 3, 3, 4)), **STRIDES),
        graph_of("GATHER", tensor(), tensor((2,), "INT32")),
        graph_of("MEAN", tensor(), tensor((2,), "INT32", stored=8)),
        graph_of("TANH", tensor(kind="FLOAT16"), output=tensor(kind="FLOAT16")),
    ],
)
def test_supported_operations(graph: Graph) -> None:
    assert not lint(graph)


@pytest.mark.parametrize(
    ("file", "op", "rule", "source"),
    [
        ("mirror_pad_symmetric", "MIRROR_PAD", "mode SYMMETRIC", "gpu_compatibility.cc:1109"),
        ("strided_slice_shrink", "STRIDED_SLICE", "shrinkAxisMask", "gpu_compatibility.cc:1020"),
        (
            "resize_both_corners",
            "RESIZE_BILINEAR",
            "alignCorners and halfPixelCenters",
            "gpu_compatibility.cc:1069",
        ),
    ],
)
def test_files_with_one_fault(
    file: str, op: str, rule: str, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = FILES / f"{file}.tflite"
    (fault,) = lint(read_graph(path.read_bytes()))
    assert (fault.op, fault.source) == (op, source)
    assert rule in fault.rule
    run_verb(cli.app, ["inspect", str(path)])
    text = capsys.readouterr().out
    assert "supports all operations" not in text
    assert rule in text
    assert source in text


def test_constant_folding_is_not_a_fault() -> None:
    graph = graph_of("DEQUANTIZE", tensor((9, 9, 9, 9, 9), "FLOAT16", stored=9))
    assert not lint(graph)


def test_the_longest_run_of_operations() -> None:
    ops = tuple(
        Op(index=i, name=name, version=1, inputs=(i,), outputs=(i + 1,))
        for i, name in enumerate(["TANH", "RFFT2D", "TANH", "TANH", "WHERE", "TANH"])
    )
    graph = Graph(tensors=(tensor(),) * 7, ops=ops, inputs=(0,), outputs=(6,))
    faults = lint(graph)
    assert [(fault.op, fault.index) for fault in faults] == [("RFFT2D", 1), ("WHERE", 4)]
    assert longest_run(graph, faults) == 2
    assert longest_run(graph, []) == 6


def test_pixel_unshuffle_with_five_dimensions_is_a_fault() -> None:
    """TensorFlow's own analyzer passes these six dimensions."""
    tf = optional.tensorflow()

    def unshuffle(x: Any) -> Any:
        cells = tf.transpose(tf.reshape(x, (1, 4, 2, 4, 2, 4)), (0, 1, 3, 5, 2, 4))
        return tf.reshape(cells, (1, 4, 4, 16))

    assert {fault.op for fault in lint(converted(unshuffle))} >= {"TRANSPOSE"}


def test_the_whole_network_has_no_fault(file: Path) -> None:
    graph = read_graph(file.read_bytes())
    assert not lint(graph)
    assert longest_run(graph, []) == len(graph.ops)
