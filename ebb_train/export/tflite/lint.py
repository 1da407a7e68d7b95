"""Check of a TFLite graph against the rules of the GPU delegate: whether a phone's GPU runs all operations.

The delegate runs the operations that it supports and leaves the others to the CPU. Of the resulting parts it
runs only the largest, so that a single unsupported operation in the middle removes half the network and adds
copies between CPU and GPU. TensorFlow's analyzer has a flag for this check, too, but accepts six-dimensional
tensors.

The rules are those of the TensorFlow Lite delegate on phones, without its option for integers; rules for
single operations are in :mod:`ebb_train.export.tflite.gpu_rules`. The accelerator in LiteRT's package
supports more (slices of 2 dimensions, comparisons as a result, integers). The tests compare the two: the
accelerator refuses none of their files that have no fault here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebb_train.export.tflite.gpu_rules import BUILDER, COMPARISONS, RULES, Operands, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ebb_train.export.tflite.graph import Graph, Op

MAX_RANK = 4
"""Largest number of dimensions: batch, height, width, channels."""

_ANY = 1_000
_VERSIONS = {
    _ANY: "BATCH_MATMUL CAST DEPTH_TO_SPACE MEAN PACK REDUCE_MAX REDUCE_MIN REDUCE_PROD SPLIT SPLIT_V SUM "
    "TILE UNPACK",
    1: "CUMSUM DENSIFY ELU FLOOR GATHER HARD_SWISH NEG ONE_HOT PRELU RELU_N1_TO_1 RESHAPE SELECT SELECT_V2 "
    "SQUARE",
    2: "ABS ADD ADD_N AVERAGE_POOL_2D CONCATENATION COS DIV EQUAL EXP FLOOR_DIV FLOOR_MOD GELU GREATER "
    "GREATER_EQUAL LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGISTIC MAXIMUM MAX_POOL_2D MINIMUM "
    "MIRROR_PAD NOT_EQUAL PAD PADV2 POW RELU RELU6 RSQRT SIGN SIN SLICE SOFTMAX SPACE_TO_DEPTH SQRT "
    "SQUARED_DIFFERENCE SUB TANH",
    3: "DEQUANTIZE MUL RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR TRANSPOSE_CONV",
    4: "STRIDED_SLICE TRANSPOSE",
    6: "CONV_2D DEPTHWISE_CONV_2D",
    9: "FULLY_CONNECTED",
}

MAX_VERSION: Mapping[str, int] = {
    name: version for version, names in _VERSIONS.items() for name in names.split()
}
"""Supported operations and their largest version: that of the delegate, or of LiteRT's interpreter if it is
lower. DEQUANTIZE is supported for weights."""

WEIGHTS_INPUT: Mapping[str, int] = dict.fromkeys(
    ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"), 1
)
"""Operation → index of the input with the weights."""

FLOATS = ("FLOAT32", "FLOAT16")

_OTHER_INPUTS: Mapping[str, tuple[str, ...]] = {
    "CAST": ("BOOL", "INT32"),
    "GATHER": ("INT32",),
    "LOGICAL_AND": ("BOOL",),
    "ONE_HOT": ("INT32",),
    "SELECT": ("BOOL",),
    "SELECT_V2": ("BOOL",),
}
"""Types other than floats of an operation's computed inputs."""

_OTHER_OUTPUTS: Mapping[str, tuple[str, ...]] = dict.fromkeys((*COMPARISONS, "LOGICAL_AND"), ("BOOL",)) | {
    "CAST": ("BOOL", "INT32")
}
"""Types other than floats of an operation's outputs."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """An operation that the delegate leaves to the CPU, and the reason."""

    op: str
    index: int
    """Position in the order of execution, from 0."""
    rule: str
    source: str = ""
    """File and line of the delegate's source (LiteRT, commit f674577)."""

    def __str__(self) -> str:
        return f"{self.op}: {self.rule}" + (f" ({self.source})" if self.source else "")


def lint(graph: Graph) -> list[Fault]:
    """Find all operations that the GPU delegate does not support, one fault per violated rule."""
    return [
        Fault(op=op.name, index=op.index, rule=rule, source=source)
        for op in graph.ops
        for rule, source in _broken(graph, op)
    ]


def longest_run(graph: Graph, faults: list[Fault]) -> int:
    """Length of the longest run of operations without fault, about the part that the delegate runs."""
    bad = {fault.index for fault in faults}
    longest = run = 0
    for op in graph.ops:
        run = 0 if op.index in bad else run + 1
        longest = max(longest, run)
    return longest


def _broken(graph: Graph, op: Op) -> Iterator[Violation]:
    if op.name not in MAX_VERSION:
        yield Violation("the delegate does not know the operation", f"{BUILDER}:3286")
        return
    if op.version > MAX_VERSION[op.name]:
        rule = f"version {op.version}; up to {MAX_VERSION[op.name]} is supported"
        yield Violation(rule, "operation_parser.cc:28")
    if graph.constants.issuperset(op.outputs):
        return  # folded before the delegate is applied
    yield from _shape_rules(graph, op)
    yield from _type_rules(graph, op)
    for broken_by in RULES.get(op.name, ()):
        yield from broken_by(Operands(graph, op))


def _shape_rules(graph: Graph, op: Op) -> Iterator[Violation]:
    tensors = graph.present((*op.inputs, *op.outputs))
    if ranks := [len(tensor.shape) for tensor in tensors if len(tensor.shape) > MAX_RANK]:
        yield Violation(
            f"a tensor of {max(ranks)} dimensions; up to {MAX_RANK} are supported", f"{BUILDER}:3062"
        )
    at_run_time = _at_run_time(graph, (*op.inputs, *op.outputs))
    if any(not graph.tensors[number].shape for number in at_run_time):
        yield Violation("a scalar that is computed, not stored", "model_builder_helper.cc:119")
    if any(graph.tensors[number].dynamic for number in at_run_time):
        yield Violation("a tensor whose shape is not fixed", "delegates/utils.cc")


def _type_rules(graph: Graph, op: Op) -> Iterator[Violation]:
    for numbers, others in ((op.inputs, _OTHER_INPUTS), (op.outputs, _OTHER_OUTPUTS)):
        found = {graph.tensors[number].type for number in _at_run_time(graph, numbers)}
        taken = (*FLOATS, *others.get(op.name, ()))
        if types := sorted(found.difference(taken)):
            yield Violation(f"a tensor of type {types[0]}; {_listed(taken)} are supported", f"{BUILDER}:3308")


def _listed(types: tuple[str, ...]) -> str:
    others = ", ".join(types[len(FLOATS) :])
    return f"float tensors, {others}" if others else "float tensors"


def _at_run_time(graph: Graph, numbers: tuple[int, ...]) -> list[int]:
    return [number for number in numbers if number >= 0 and number not in graph.constants]
