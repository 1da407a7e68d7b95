"""Will the GPU of a phone run all of a TFLite file? The rules of the GPU delegate, applied to the graph.

The delegate takes the operations it knows and leaves the others to the CPU. Of the parts that come about it
takes the largest only, so one bad operation in the middle costs half the network, and the copies between the
two. TensorFlow's analyzer has a flag for this question too, but lets six-dimensional tensors pass.

The rules are those of the delegate's source (LiteRT, ``delegates/gpu/common/model_builder.cc`` and
``tools/versioning/gpu_compatibility.cc``, August 2026).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ebb_train.export.tflite.graph import Graph, Op, Tensor

MAX_RANK = 4
"""Batch, height, width, channels."""

_VERSION_2 = (
    "ABS ADD ADD_N AVERAGE_POOL_2D BATCH_MATMUL CAST CEIL CONCATENATION COS CUMSUM DENSIFY "
    "DEPTH_TO_SPACE DIV ELU EQUAL EXP FLOOR FLOOR_DIV FLOOR_MOD GATHER GELU GREATER GREATER_EQUAL "
    "HARD_SWISH LEAKY_RELU LESS LESS_EQUAL LOG LOGISTIC MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD "
    "NEG NOT_EQUAL PACK PAD PADV2 POW PRELU QUANTIZE REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6 "
    "RELU_N1_TO_1 ROUND RSQRT SELECT SELECT_V2 SIGN SIN SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SPLIT_V "
    "SQRT SQUARE SQUARED_DIFFERENCE SUB SUM TANH TILE"
)

MAX_VERSION: Mapping[str, int] = dict.fromkeys(_VERSION_2.split(), 2) | {
    "RESHAPE": 1,
    "MUL": 3,
    "TRANSPOSE_CONV": 3,
    "DEQUANTIZE": 3,
    "RESIZE_BILINEAR": 3,
    "RESIZE_NEAREST_NEIGHBOR": 3,
    "STRIDED_SLICE": 4,
    "TRANSPOSE": 4,
    "CONV_2D": 6,
    "DEPTHWISE_CONV_2D": 6,
    "FULLY_CONNECTED": 4,
}
"""The operations that are taken, and up to which version."""

WEIGHTS_INPUT: Mapping[str, int] = dict.fromkeys(
    ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"), 1
)
"""Which input holds the weights."""

_AXES_INPUT: Mapping[str, int] = dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"), 1)

FLOATS = ("FLOAT32", "FLOAT16")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One operation the delegate leaves to the CPU, and why."""

    op: str
    index: int
    """Its place in the order of execution, from 0."""
    rule: str


def lint(graph: Graph) -> list[Fault]:
    """Find every operation that the GPU delegate would not take; one line for each rule that it breaks."""
    return [Fault(op=op.name, index=op.index, rule=rule) for op in graph.ops for rule in _broken(graph, op)]


def longest_run(graph: Graph, faults: list[Fault]) -> int:
    """How many operations in a row are without fault: about what the delegate takes."""
    bad = {fault.index for fault in faults}
    longest = run = 0
    for op in graph.ops:
        run = 0 if op.index in bad else run + 1
        longest = max(longest, run)
    return longest


def _broken(graph: Graph, op: Op) -> Iterator[str]:
    if op.name not in MAX_VERSION:
        yield "the delegate does not know the operation"
        return
    if op.version > MAX_VERSION[op.name]:
        yield f"version {op.version}; up to {MAX_VERSION[op.name]} is taken"
    if graph.constants.issuperset(op.outputs):
        return  # folded before the delegate sees it
    at_run_time = [graph.tensors[n] for n in (*op.inputs, *op.outputs) if n >= 0 and n not in graph.constants]
    yield from _tensor_rules(at_run_time)
    for table, what in ((WEIGHTS_INPUT, "weights"), (_AXES_INPUT, "axes")):
        place = table.get(op.name)
        if place is not None and (place >= len(op.inputs) or op.inputs[place] not in graph.constants):
            yield f"{what} that are computed, not stored"
    if op.name in ("ADD", "MUL"):
        yield from _broadcast_rule(graph.present(op.inputs))


def _tensor_rules(tensors: list[Tensor]) -> Iterator[str]:
    if ranks := [len(tensor.shape) for tensor in tensors if len(tensor.shape) > MAX_RANK]:
        yield f"a tensor of {max(ranks)} dimensions; up to {MAX_RANK} are taken"
    if types := sorted({tensor.type for tensor in tensors} - set(FLOATS)):
        yield f"a tensor of type {types[0]}; only float tensors are taken"
    if any(tensor.dynamic for tensor in tensors):
        yield "a tensor whose shape is not fixed"


def _broadcast_rule(operands: list[Tensor]) -> Iterator[str]:
    """Operands of different rank: a vector or scalar, or three dimensions to one picture of four."""
    shapes = sorted((tensor.shape for tensor in operands), key=len)
    if len(shapes) != 2:
        yield f"{len(shapes)} operands; 2 are taken"
        return
    short, long = shapes
    fits = len(short) in (0, 1, len(long)) or (len(short), len(long), long[0]) == (3, 4, 1)
    if not fits and not (len(short) == 2 and len(long) == 4 and short in ((1, 1), (long[0], long[3]))):
        yield f"operands {short} and {long} cannot be broadcast"
