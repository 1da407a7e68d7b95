"""Cost of running a TFLite file, estimated from its graph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebb_train.export.tflite.lint import WEIGHTS_INPUT

if TYPE_CHECKING:
    from ebb_train.export.tflite.graph import Graph, Op

POINTER_BYTES = 8
"""Size of a pointer on a 64-bit processor."""


@dataclass(frozen=True, kw_only=True)
class GraphCost:
    """Estimates for one run."""

    multiply_adds: int
    """Multiply-adds of convolutions and matrix products."""
    weights_bytes: int
    """Size of the constants in the file."""
    packed_bytes: int
    """Size of the copy of the weights in the layout of the CPU's kernels (XNNPACK)."""
    activations_bytes: int
    """Peak size of the feature maps, if memory is freed as soon as possible."""
    indirection_bytes: int
    """Size of the tables of pointers, one for each kernel position of each output pixel of each convolution.
    XNNPACK keeps them between runs by default."""
    table_bytes: int
    """Size of the largest table, which suffices if tables are computed in every run."""

    @property
    def peak_bytes(self) -> int:
        """Memory on the CPU if tables are kept."""
        return self.weights_bytes + self.packed_bytes + self.activations_bytes + self.indirection_bytes

    @property
    def lean_peak_bytes(self) -> int:
        """Memory on the CPU if tables are computed in every run."""
        return self.peak_bytes - self.indirection_bytes + self.table_bytes


def estimate(graph: Graph) -> GraphCost:
    """Estimate the cost of a run of the main graph."""
    tables = [_indirection_bytes(graph, op) for op in graph.ops]
    return GraphCost(
        multiply_adds=sum(_multiply_adds(graph, op) for op in graph.ops),
        weights_bytes=sum(tensor.stored_bytes for tensor in graph.tensors),
        packed_bytes=sum(_packed_bytes(graph, op) for op in graph.ops),
        activations_bytes=_activations_bytes(graph),
        indirection_bytes=sum(tables),
        table_bytes=max(tables, default=0),
    )


def _multiply_adds(graph: Graph, op: Op) -> int:
    inputs, outputs = graph.present(op.inputs), graph.present(op.outputs)
    if op.name == "BATCH_MATMUL":
        return outputs[0].num_elements * (inputs[0].shape or (0,))[-1]
    if op.name not in WEIGHTS_INPUT or len(inputs) < 2 or not outputs:
        return 0
    weights = inputs[1].shape
    if op.name == "TRANSPOSE_CONV":  # all weights apply to each value of the input (the third tensor)
        return math.prod(inputs[-1].shape[:-1]) * math.prod(weights) if len(inputs) > 2 else 0
    return outputs[0].num_elements * math.prod(weights[1:-1] if "DEPTHWISE" in op.name else weights[1:])


def _packed_bytes(graph: Graph, op: Op) -> int:
    if op.name not in WEIGHTS_INPUT:
        return 0
    inputs = graph.present(op.inputs)
    return inputs[1].num_bytes if len(inputs) > 1 else 0


def _indirection_bytes(graph: Graph, op: Op) -> int:
    if op.name not in ("CONV_2D", "TRANSPOSE_CONV"):
        return 0
    inputs, outputs = graph.present(op.inputs), graph.present(op.outputs)
    taps = math.prod(inputs[1].shape[1:3]) if len(inputs) > 1 else 0
    if not outputs or taps <= 1:  # 1 x 1 is a plain matrix product
        return 0
    maps = inputs[-1] if op.name == "TRANSPOSE_CONV" else outputs[0]
    return math.prod(maps.shape[:-1]) * taps * POINTER_BYTES


def _activations_bytes(graph: Graph) -> int:
    last_use = {number: op.index for op in graph.ops for number in op.inputs}
    last_use |= dict.fromkeys(graph.outputs, len(graph.ops))
    live = {number: graph.tensors[number].num_bytes for number in graph.inputs if number >= 0}
    most = now = sum(live.values())
    for op in graph.ops:
        made = {n: graph.tensors[n].num_bytes for n in op.outputs if n >= 0 and n not in graph.constants}
        made = {number: size for number, size in made.items() if number not in live}
        live |= made
        now += sum(made.values())
        most = max(most, now)
        for number in {*op.inputs, *made}:
            if number in live and last_use.get(number, -1) <= op.index:
                now -= live.pop(number)
    return most
