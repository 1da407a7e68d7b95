"""TFLite files of one operation, written with the schema alone, so that any attribute can be set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb_train import optional

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

MAPS = (1, 8, 8, 4)


@dataclass(frozen=True)
class At:
    """A tensor that is known at run time only."""

    shape: tuple[int, ...] = MAPS
    type: str = "FLOAT32"


@dataclass(frozen=True)
class Const:
    """A tensor that is stored in the file."""

    values: Any
    type: str = "INT32"
    shape: tuple[int, ...] | None = None

    @property
    def array(self) -> NDArray[Any]:
        dtype = {"BOOL": "bool"}.get(self.type, self.type.lower())
        values = np.asarray(self.values, dtype)
        return values if self.shape is None else np.broadcast_to(values, self.shape).copy()


@dataclass(frozen=True)
class Node:
    """One operation; operands are tensors, numbers of tensors before them, or −1 for one left out."""

    name: str
    inputs: tuple[At | Const | int, ...]
    outputs: tuple[At, ...]
    options: str = ""
    """Class of its attributes in the schema, such as Conv2DOptions."""
    attributes: Mapping[str, Any] | None = None
    version: int = 1


def weights(*shape: int) -> Const:
    """Small random numbers."""
    values = np.random.default_rng(0).normal(size=shape) * 0.2
    return Const(values, "FLOAT32")


def tflite_file(*nodes: Node) -> bytes:
    """The file of these operations; its inputs are all that no operation gives, its outputs all not read."""
    import flatbuffers

    schema = optional.litert("schema_py_generated")
    model, graph = schema.ModelT(), schema.SubGraphT()
    empty = schema.BufferT()
    empty.data = None
    model.buffers, graph.tensors, graph.operators, codes = [empty], [], [], []
    given, made, read = [], [], set()
    for number, node in enumerate(nodes):
        numbers = []
        for operand in node.inputs:
            if not isinstance(operand, int):
                if isinstance(operand, At):
                    given.append(len(graph.tensors))
                numbers.append(_add(schema, model, graph, operand))
            else:
                numbers.append(operand)
        read.update(numbers)
        outputs = [_add(schema, model, graph, output) for output in node.outputs]
        made += outputs
        codes.append(_code(schema, node))
        graph.operators.append(_operator(schema, node, number, numbers, outputs))
    model.operatorCodes, model.subgraphs, model.version = codes, [graph], 3
    graph.inputs, graph.outputs = given, [output for output in made if output not in read]
    graph.name, model.description = "main", "test"
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def one(
    name: str,
    inputs: Sequence[At | Const | int],
    output: At | Sequence[At] = At(),
    options: str = "",
    *,
    version: int = 1,
    **attributes: Any,
) -> bytes:
    """The file of one operation."""
    outputs = (output,) if isinstance(output, At) else tuple(output)
    return tflite_file(Node(name, tuple(inputs), outputs, options, attributes, version))


def _add(schema: Any, model: Any, graph: Any, operand: At | Const) -> int:
    tensor = schema.TensorT()
    tensor.name = f"t{len(graph.tensors)}"
    tensor.type = getattr(schema.TensorType, operand.type)
    tensor.buffer, tensor.shape = 0, []
    if isinstance(operand, Const):
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(operand.array.tobytes(), np.uint8)
        tensor.buffer, tensor.shape = len(model.buffers), list(operand.array.shape)
        model.buffers.append(buffer)
    else:
        tensor.shape = list(operand.shape)
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _code(schema: Any, node: Node) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, node.name)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), node.version
    return code


def _operator(schema: Any, node: Node, number: int, inputs: list[int], outputs: list[int]) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = number, inputs, outputs
    if node.options:
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, node.options)
        operator.builtinOptions = getattr(schema, f"{node.options}T")()
        for name, value in (node.attributes or {}).items():
            assert hasattr(operator.builtinOptions, name), name
            setattr(operator.builtinOptions, name, value)
    return operator
