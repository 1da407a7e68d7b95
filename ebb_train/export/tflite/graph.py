"""The graph in a TFLite file: operations, tensors and notes as plain values.

The file is not trusted: the flatbuffers package checks offsets, and this module counts and indices, so that a
truncated or invalid file causes one clear error early.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.errors import InvalidInput
from ebb_train import optional

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every TFLite file."""

MAX_ITEMS = 2_000_000
"""Largest total number of tensors, operations and indices; the full PyNET has ten thousand."""

MAX_RANK = 16

MAX_VALUES = 64
"""Largest number of elements of integer constants that are read, such as axes, sizes and paddings."""

OPTIONS = frozenset(
    [
        "AddOptions",
        "BatchMatMulOptions",
        "ConcatenationOptions",
        "Conv2DOptions",
        "CumsumOptions",
        "DepthToSpaceOptions",
        "DepthwiseConv2DOptions",
        "DivOptions",
        "FullyConnectedOptions",
        "GatherOptions",
        "LSTMOptions",
        "MirrorPadOptions",
        "MulOptions",
        "OneHotOptions",
        "Pool2DOptions",
        "ResizeBilinearOptions",
        "ResizeNearestNeighborOptions",
        "SoftmaxOptions",
        "SpaceToDepthOptions",
        "StridedSliceOptions",
        "SubOptions",
        "TransposeConvOptions",
    ]
)
"""Attributes that are read: numbers, but not lists."""

_BROKEN = (struct.error, IndexError, TypeError, ValueError, KeyError, AttributeError, OverflowError)
"""Exceptions of flatbuffers' accessors for invalid offsets."""

TYPE_BYTES: Mapping[str, float] = {
    "FLOAT32": 4, "FLOAT16": 2, "BFLOAT16": 2, "FLOAT64": 8, "INT4": 0.5, "INT8": 1, "UINT8": 1, "BOOL": 1,
    "INT16": 2, "UINT16": 2, "INT32": 4, "UINT32": 4, "INT64": 8, "UINT64": 8,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A feature map, or a constant stored in the file."""

    name: str
    type: str
    """Type in the schema: FLOAT32, INT8, …"""
    shape: tuple[int, ...]
    dynamic: bool
    """Whether the shape is unknown before the model runs."""
    stored_bytes: int
    """Length of the constant; 0 if there is none."""
    values: tuple[int, ...] = ()
    """Values of a short constant of integers."""

    @property
    def num_elements(self) -> int:
        """Product of the shape."""
        return math.prod(self.shape)

    @property
    def num_bytes(self) -> int:
        """Size at run time; 0 for types without fixed size (strings)."""
        return math.ceil(self.num_elements * TYPE_BYTES.get(self.type, 0))


@dataclass(frozen=True, kw_only=True)
class Op:
    """An operation; operations are in the order of execution."""

    index: int
    name: str
    """Name in the schema, such as CONV_2D; for a custom operation, its name after ``CUSTOM:``."""
    version: int
    inputs: tuple[int, ...]
    """Numbers of tensors; −1 represents an omitted one."""
    outputs: tuple[int, ...]
    options: Mapping[str, float] = field(default_factory=dict)
    """Attributes by their names in the schema; omitted ones have the schema's defaults."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The main graph of a file."""

    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    notes: Mapping[str, bytes] = field(default_factory=dict)
    """The metadata of the file by name."""

    @cached_property
    def constants(self) -> frozenset[int]:
        """Tensors that do not depend on the input: stored ones, and those dequantized from them."""
        known = {number for number, tensor in enumerate(self.tensors) if tensor.stored_bytes}
        for op in self.ops:
            if op.name in ("DEQUANTIZE", "DENSIFY") and known.issuperset(op.inputs):
                known.update(op.outputs)
        return frozenset(known)

    def present(self, numbers: Sequence[int]) -> list[Tensor]:
        """The tensors with these numbers, without omitted ones."""
        return [self.tensors[number] for number in numbers if number >= 0]


def read_graph(data: bytes | bytearray, path: Path | None = None) -> Graph:
    """Read the main graph of a TFLite file.

    Args:
        data: The whole file.
        path: Path of the file, for error messages.

    Raises:
        InvalidInput: the data is not a TFLite file, or is damaged.
        MissingDependency: LiteRT is not installed.
    """
    schema = optional.litert("schema_py_generated")
    if data[4:8] != IDENTIFIER:
        raise InvalidInput("not a TFLite file", path=path)
    try:
        return _GraphReader(schema, data).graph()
    except _BROKEN as error:
        hint = "copy or export it again"
        raise InvalidInput(f"a damaged TFLite file: {error}", path=path, hint=hint) from error


class _GraphReader:
    """Reads with the schema's accessors, up to a limited number of values."""

    def __init__(self, schema: Any, data: bytes | bytearray) -> None:  # noqa: ANN401 - a generated module
        self._schema, self._size = schema, len(data)
        self._left = MAX_ITEMS
        self._model = schema.Model.GetRootAs(data, 0)

    def graph(self) -> Graph:
        model = self._model
        graphs, codes = self._count(model.SubgraphsLength()), self._count(model.OperatorCodesLength())
        if not graphs:
            raise ValueError("it contains no graph")
        names = [self._code(model.OperatorCodes(i)) for i in range(codes)]
        main = model.Subgraphs(0)
        tensors = tuple(self._tensor(main.Tensors(i)) for i in range(self._count(main.TensorsLength())))
        ops = (self._op(i, main.Operators(i), names) for i in range(self._count(main.OperatorsLength())))
        graph = Graph(
            tensors=tensors,
            ops=tuple(ops),
            inputs=self._numbers(main.Inputs, main.InputsLength()),
            outputs=self._numbers(main.Outputs, main.OutputsLength()),
            notes=self._notes(),
        )
        _check_numbers(graph)
        return graph

    def _count(self, length: int) -> int:
        self._left -= length
        if self._left < 0:
            raise ValueError(f"more than {MAX_ITEMS} items")
        return length

    def _numbers(self, item: Any, length: int) -> tuple[int, ...]:  # noqa: ANN401 - an accessor
        return tuple(int(item(i)) for i in range(self._count(length)))

    def _code(self, code: Any) -> tuple[str, int]:  # noqa: ANN401 - an accessor
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())  # the old field holds up to 127
        name = enum_names(self._schema.BuiltinOperator)[number]
        if name == "CUSTOM":
            name = f"CUSTOM:{_text(code.CustomCode())}"
        return name, int(code.Version())

    def _tensor(self, tensor: Any) -> Tensor:  # noqa: ANN401 - an accessor
        if max(tensor.ShapeLength(), tensor.ShapeSignatureLength()) > MAX_RANK:
            raise ValueError(f"a tensor of more than {MAX_RANK} dimensions")
        shape = self._numbers(tensor.Shape, tensor.ShapeLength())
        signature = self._numbers(tensor.ShapeSignature, tensor.ShapeSignatureLength())
        kind = enum_names(self._schema.TensorType)[tensor.Type()]
        return Tensor(
            name=_text(tensor.Name()),
            type=kind,
            shape=tuple(max(0, length) for length in shape),
            dynamic=min((*shape, *signature), default=0) < 0,
            stored_bytes=self._stored(tensor.Buffer()),
            values=self._values(tensor.Buffer(), kind),
        )

    def _stored(self, number: int) -> int:
        """Length of a buffer, which is inside the flatbuffer, or after it in files above 2 GB."""
        if number >= self._model.BuffersLength():
            raise ValueError(f"there is no buffer {number}")
        buffer = self._model.Buffers(number)
        length = int(buffer.DataLength() or (buffer.Size() if buffer.Offset() > 1 else 0))
        if length > self._size:
            raise ValueError(f"buffer {number} is longer than the file")
        return length

    def _values(self, number: int, kind: str) -> tuple[int, ...]:
        """A short constant of integers inside the flatbuffer."""
        dtype = {"INT32": "<i4", "INT64": "<i8"}.get(kind)
        buffer = self._model.Buffers(number)
        length = buffer.DataLength()
        if dtype is None or not 0 < length <= MAX_VALUES * np.dtype(dtype).itemsize:
            return ()
        values = buffer.DataAsNumpy().tobytes()
        whole = length - length % np.dtype(dtype).itemsize
        return tuple(np.frombuffer(values[: self._count(whole)], dtype).tolist())

    def _options(self, op: Any) -> dict[str, float]:  # noqa: ANN401 - an accessor
        kind = enum_names(self._schema.BuiltinOptions).get(op.BuiltinOptionsType(), "")
        table = op.BuiltinOptions()
        if kind not in OPTIONS or table is None:
            return {}
        found = vars(getattr(self._schema, f"{kind}T").InitFromBuf(table.Bytes, table.Pos))
        self._count(len(found))
        return {name: value for name, value in found.items() if isinstance(value, int | float)}

    def _op(self, index: int, op: Any, names: list[tuple[str, int]]) -> Op:  # noqa: ANN401 - an accessor
        name, version = names[op.OpcodeIndex()]
        return Op(
            index=index,
            name=name,
            version=version,
            inputs=self._numbers(op.Inputs, op.InputsLength()),
            outputs=self._numbers(op.Outputs, op.OutputsLength()),
            options=self._options(op),
        )

    def _notes(self) -> dict[str, bytes]:
        notes = {}
        for i in range(self._count(self._model.MetadataLength())):
            note = self._model.Metadata(i)
            data = self._model.Buffers(note.Buffer()).DataAsNumpy()
            notes[_text(note.Name())] = b"" if isinstance(data, int) else data.tobytes()
        return notes


def _check_numbers(graph: Graph) -> None:
    numbers = {n for op in graph.ops for n in (*op.inputs, *op.outputs)} | {*graph.inputs, *graph.outputs}
    if numbers and not -1 <= min(numbers) <= max(numbers) < len(graph.tensors):
        raise ValueError(f"tensor {max(numbers)} of {len(graph.tensors)}")


def _text(name: bytes | None) -> str:
    return (name or b"").decode(errors="replace")


@lru_cache
def enum_names(enum: Any) -> dict[int, str]:  # noqa: ANN401 - a generated class
    """Number → name for an enumeration of the schema."""
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}
