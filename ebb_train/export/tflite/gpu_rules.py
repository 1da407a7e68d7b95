"""Rules of the GPU delegate for the operands and attributes of single operations.

Each rule names its location in the source of the delegate (LiteRT of August 2026, commit f674577):
``tflite/tools/versioning/gpu_compatibility.cc`` if an operation is refused and runs on the CPU, and
``tflite/delegates/gpu/common/model_builder.cc`` if the whole graph is refused, or an attribute is ignored, so
that the result is wrong. The tests compare the rules with LiteRT's own accelerator.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ebb_train.export.tflite.graph import Graph, Op, Tensor

CHECKS, BUILDER = "gpu_compatibility.cc", "model_builder.cc"


class Violation(NamedTuple):
    """A rule that an operation violates."""

    rule: str
    source: str
    """File and line of the delegate's source."""


class Operands:
    """Operands of an operation, divided into computed ones and constants."""

    def __init__(self, graph: Graph, op: Op) -> None:
        self.op = op
        self.inputs = [graph.tensors[number] if number >= 0 else None for number in op.inputs]
        self.outputs = graph.present(op.outputs)
        self._stored = [number in graph.constants for number in op.inputs]
        self.num_runtime = sum(
            tensor is not None and not stored
            for tensor, stored in zip(self.inputs, self._stored, strict=True)
        )
        self.consumers = (
            [other for other in graph.ops if set(other.inputs) & set(op.outputs)]
            if op.name in COMPARISONS
            else []
        )

    def input(self, place: int) -> Tensor | None:
        """An operand, if it is present."""
        return self.inputs[place] if place < len(self.inputs) else None

    def constant(self, place: int) -> Tensor | None:
        """An operand, if it is present and stored in the file."""
        return self.inputs[place] if place < len(self.inputs) and self._stored[place] else None

    def option(self, name: str, default: float = 0) -> float:
        """An attribute."""
        return self.op.options.get(name, default)


Rule: TypeAlias = "Callable[[Operands], Iterator[Violation]]"

COMPARISONS = frozenset(["EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"])

SIGN_BIT = 5
"""Number in the schema of the only fused activation that is not supported."""


def one_input(x: Operands) -> Iterator[Violation]:
    """One computed operand."""
    if x.num_runtime != 1:
        yield Violation(f"{x.num_runtime} operands that are computed; 1 is supported", f"{CHECKS}:116")


def two_operands(x: Operands) -> Iterator[Violation]:
    """Two different operands, of which one may be a constant."""
    numbers = [number for number in x.op.inputs if number >= 0]
    if len(numbers) != 2 or not x.num_runtime:
        yield Violation(f"{len(numbers)} operands; 2 are supported", f"{CHECKS}:1185")
    elif len(set(numbers)) == 1 and x.op.name not in ("ADD", "ADD_N", "MUL"):
        yield Violation("the same operand twice", f"{BUILDER}:1142")
    for place in range(len(numbers)):
        yield from _constant_operand(x.constant(place))


def _constant_operand(tensor: Tensor | None) -> Iterator[Violation]:
    """A scalar, a vector, or maps with a batch size of one."""
    if tensor is not None and len(tensor.shape) == 4 and tensor.shape[0] != 1 and tensor.num_elements != 1:
        yield Violation(
            f"a constant for a batch of {tensor.shape[0]}; 1 is supported", "model_builder_helper.cc:330"
        )


def broadcast(x: Operands) -> Iterator[Violation]:
    """Operands of different rank: a vector or scalar, or three dimensions with four for a batch of one."""
    tensors = [tensor for tensor in x.inputs if tensor is not None]
    if len(tensors) != 2:
        return
    short, long = sorted((tensor.shape for tensor in tensors), key=len)
    fits = len(short) in (0, 1, len(long)) or (len(short), len(long), long[:1]) == (3, 4, (1,))
    if not fits and not (len(short) == 2 and len(long) == 4 and short in ((1, 1), (long[0], long[3]))):
        yield Violation(f"operands {short} and {long} cannot be broadcast", f"{CHECKS}:484")


def activation(x: Operands) -> Iterator[Violation]:
    """A fused activation."""
    if x.option("fusedActivationFunction") == SIGN_BIT:
        yield Violation("the fused activation SIGN_BIT", f"{CHECKS}:83")


def strides(x: Operands) -> Iterator[Violation]:
    """Strides and dilations of at least 1."""
    for name in ("strideH", "strideW"):
        if x.option(name) < 1:
            yield Violation(f"{name} {x.option(name):g}", f"{CHECKS}:190")
    for name in ("dilationHFactor", "dilationWFactor"):
        if x.option(name, 1) < 1:
            yield Violation(f"{name} {x.option(name):g}", f"{CHECKS}:199")


def kernel(x: Operands) -> Iterator[Violation]:
    """A pooling window of at least 1."""
    for name in ("filterHeight", "filterWidth"):
        if x.option(name) < 1:
            yield Violation(f"{name} {x.option(name):g}", f"{CHECKS}:215")


def convolution(x: Operands) -> Iterator[Violation]:
    """Maps, stored or computed weights, and a stored bias."""
    maps, rest = (2, (0, 3)) if x.op.name == "TRANSPOSE_CONV" else (0, (2,))
    weights = x.input(1)
    if weights is None or x.input(maps) is None:
        yield Violation("missing weights", f"{CHECKS}:171")
        return
    if any(x.input(place) is not None and x.constant(place) is None for place in rest):
        yield Violation("a bias or output size that is computed, not stored", f"{CHECKS}:171")
    if x.constant(1) is None and x.op.name == "CONV_2D" and _channels(x.input(0)) != _channels(weights):
        yield Violation("weights of groups that are computed, not stored", f"{BUILDER}:637")
    if len(weights.shape) != 4:
        yield Violation(f"weights of {len(weights.shape)} dimensions; 4 are supported", f"{CHECKS}:281")


def groups(x: Operands) -> Iterator[Violation]:
    """Groups of multiples of 4 channels; LiteRT's accelerator (2.3) computes others incorrectly."""
    read, weights = _channels(x.input(0)), x.constant(1)
    if weights is None or len(weights.shape) != 4 or read in (0, weights.shape[3]):
        return
    each = weights.shape[3], weights.shape[0] * weights.shape[3] // read
    if each[0] > 1 and (each[0] % 4 or each[1] % 4):
        yield Violation(f"groups of {each[0]} input and {each[1]} output channels", f"{BUILDER}:698")


def _channels(tensor: Tensor | None) -> int:
    return tensor.shape[-1] if tensor and tensor.shape else 1


def depthwise(x: Operands) -> Iterator[Violation]:
    """Number of output channels that agrees with the multiplier."""
    multiplier = x.option("depthMultiplier")
    channels = [_channels(tensor) for tensor in (x.input(0), x.input(1), *x.outputs[:1])]
    if channels[1] != channels[-1] or channels[-1] != channels[0] * multiplier:
        rule = f"depthMultiplier {multiplier:g} for {channels[0]} channels in and {channels[-1]} out"
        yield Violation(rule, f"{CHECKS}:291")


def transposed(x: Operands) -> Iterator[Violation]:
    """A fused activation requires version 4, which is not supported; lower versions ignore it."""
    if x.option("fusedActivationFunction"):
        yield Violation("a fused activation, which is not computed", f"{BUILDER}:2686")


def block_size(x: Operands) -> Iterator[Violation]:
    """Blocks of 2 x 2 pixels or larger."""
    if x.option("blockSize") < 2:
        yield Violation(f"blockSize {x.option('blockSize'):g}; 2 or more is supported", f"{CHECKS}:692")


def softmax(x: Operands) -> Iterator[Violation]:
    """Softmax without a scale."""
    if x.option("beta") != 1:
        yield Violation(f"beta {x.option('beta'):g}; 1 is supported", f"{CHECKS}:980")


def resize(x: Operands) -> Iterator[Violation]:
    """At most one of the two corner modes."""
    if x.op.name == "RESIZE_BILINEAR" and x.option("alignCorners") and x.option("halfPixelCenters"):
        yield Violation("alignCorners and halfPixelCenters", f"{CHECKS}:1069")


def axes(x: Operands) -> Iterator[Violation]:
    """Axes stored as int32."""
    tensor = x.constant(1)
    if tensor is None:
        yield Violation("axes that are computed, not stored", f"{CHECKS}:232")
    elif tensor.type != "INT32":
        yield Violation(f"axes of type {tensor.type}; INT32 is supported", f"{CHECKS}:239")


def padding(x: Operands) -> Iterator[Violation]:
    """Padding of four dimensions by zeros, a constant or reflection."""
    if x.op.name == "MIRROR_PAD" and x.option("mode") != 0:
        yield Violation("mode SYMMETRIC; REFLECT is supported", f"{CHECKS}:1109")
    pads = x.constant(1)
    if pads is None:
        yield Violation("paddings that are computed, not stored", f"{BUILDER}:1763")
    elif pads.type != "INT32":
        yield Violation(f"paddings of type {pads.type}; INT32 is supported", f"{BUILDER}:1763")
    elif pads.shape == (3, 2):
        yield Violation("paddings of 3 dimensions, which are computed incorrectly", f"{BUILDER}:1782")
    elif pads.shape != (4, 2):
        yield Violation(f"paddings of shape {pads.shape}; (4, 2) is supported", f"{CHECKS}:1128")
    if x.op.name == "PADV2" and x.constant(2) is None:
        yield Violation("a padding value that is computed, not stored", f"{CHECKS}:116")


def slices(x: Operands) -> Iterator[Violation]:
    """Stored starts and sizes of 3 or 4 dimensions."""
    source = x.input(0)
    if source is None or len(source.shape) not in (3, 4):
        yield Violation("a slice of other than 3 or 4 dimensions", f"{CHECKS}:969")
    yield from _stored_numbers(x, (1, 2), f"{BUILDER}:2229")


def _stored_numbers(x: Operands, places: Sequence[int], source: str) -> Iterator[Violation]:
    """Constants of int32 and equal length."""
    tensors = [x.constant(place) for place in places]
    found = [tensor for tensor in tensors if tensor is not None and tensor.type == "INT32"]
    if len(found) < len(tensors):
        yield Violation("positions or sizes that are not stored as INT32", source)
    elif len({tensor.num_elements for tensor in found}) > 1:
        yield Violation("positions and sizes of different length", source)


def strided_slice(x: Operands) -> Iterator[Violation]:
    """Stored positions, steps of at least 1, and no removed dimensions."""
    for name, line in (("ellipsisMask", 1012), ("newAxisMask", 1016), ("shrinkAxisMask", 1020)):
        if x.option(name):
            yield Violation(f"{name} {x.option(name):g}", f"{CHECKS}:{line}")
    if x.option("offset"):
        yield Violation("ends that are counted from the start (offset)", f"{BUILDER}:2480")
    source = x.input(0)
    if source is None or len(source.shape) not in (3, 4):
        yield Violation("a slice of other than 3 or 4 dimensions", f"{CHECKS}:1030")
    yield from _stored_numbers(x, (1, 2, 3), f"{BUILDER}:2490")
    steps = x.constant(3)
    if steps is not None and any(step < 1 for step in steps.values):
        yield Violation(f"steps of {min(steps.values)}", f"{BUILDER}:2526")


def transpose(x: Operands) -> Iterator[Violation]:
    """A stored permutation of 2 to 4 dimensions."""
    order = x.constant(1)
    if order is None or order.type != "INT32" or not 2 <= order.num_elements <= 4:
        yield Violation("not a stored permutation of 2 to 4 dimensions", f"{BUILDER}:2809")


def prelu(x: Operands) -> Iterator[Violation]:
    """A stored slope per channel, or per position and channel."""
    slopes, maps = x.constant(1), x.input(0)
    if slopes is None or maps is None:
        yield Violation("slopes that are computed, not stored", f"{BUILDER}:1714")
        return
    a_channel = math.prod(slopes.shape[:-1]) == 1 and _channels(slopes) == _channels(maps)
    if not a_channel and slopes.shape[-3:] != maps.shape[-3:]:
        yield Violation(f"slopes {slopes.shape} for maps {maps.shape}", f"{BUILDER}:1717")


def concatenation(x: Operands) -> Iterator[Violation]:
    """No fused activation, as in LiteRT's own operation."""
    if x.option("fusedActivationFunction"):
        yield Violation("a fused activation", "kernels/concatenation.cc:143")


def fully_connected(x: Operands) -> Iterator[Violation]:
    """Weights in the default order, for the channels of the input."""
    maps, weights = x.input(0), x.input(1)
    if x.option("weightsFormat"):
        yield Violation("weights in a special order (weightsFormat)", f"{CHECKS}:803")
    if x.num_runtime > 2:
        yield Violation(f"{x.num_runtime} operands that are computed; 2 are supported", f"{CHECKS}:809")
    if x.constant(0) is not None or maps is None or weights is None:
        yield Violation("an input that is stored, not computed", f"{CHECKS}:813")
    elif _channels(maps) != _channels(weights):
        rule = f"weights for {_channels(weights)} channels, and the input has {_channels(maps)}"
        yield Violation(rule, f"{BUILDER}:1361")


def matrices(x: Operands) -> Iterator[Violation]:
    """Two computed matrices, or weights of two dimensions, without transposition."""
    if x.num_runtime == 1 and (x.constant(1) is None or len(x.constant(1).shape) != 2):  # type: ignore[union-attr]
        yield Violation("a stored matrix that is not the second, or not of 2 dimensions", f"{BUILDER}:341")
    if x.option("adjX") or x.option("adjY"):
        yield Violation("transposed matrices (adjX, adjY), computed without transposition", f"{BUILDER}:320")


def gather(x: Operands) -> Iterator[Violation]:
    """A vector of int32 indices."""
    places = x.input(1)
    if places is None or len(places.shape) != 1 or places.type != "INT32":
        yield Violation("indices that are not a vector of INT32", f"{CHECKS}:845")


def cumsum(x: Operands) -> Iterator[Violation]:
    """Inclusive, forward sum along a stored axis."""
    if x.constant(1) is None:
        yield Violation("an axis that is computed, not stored", f"{CHECKS}:307")
    for name in ("exclusive", "reverse"):
        if x.option(name):
            yield Violation(f"{name}, which is ignored", f"{BUILDER}:862")


def select(x: Operands) -> Iterator[Violation]:
    """Both choices of the size of the result, or scalars."""
    shape = x.outputs[0].shape if x.outputs else ()
    for place in (1, 2):
        choice = x.input(place)
        if choice is not None and choice.shape not in (shape, (), (1,)):
            yield Violation(f"choices {choice.shape} for a result {shape}", f"{CHECKS}:398")


def comparison(x: Operands) -> Iterator[Violation]:
    """A result that is used by a single operation, which converts it to floats."""
    yield from two_operands(x)
    if [other.name for other in x.consumers] not in (["CAST"], ["SELECT"], ["SELECT_V2"]):
        yield Violation("a result that does not go to a single CAST or SELECT", f"{BUILDER}:1091")


def cast(x: Operands) -> Iterator[Violation]:
    """Casts between floats, int32 and booleans."""
    kinds = [tensor.type for tensor in (x.input(0), *x.outputs[:1]) if tensor is not None]
    floats = {"FLOAT32", "FLOAT16"}
    taken = (
        kinds[0] == "BOOL" and kinds[-1] in floats,
        kinds[0] in floats and kinds[-1] == "BOOL",
        set(kinds) <= {"FLOAT32", "INT32"},
    )
    if not any(taken):
        yield Violation(f"from {kinds[0]} to {kinds[-1]}", f"{CHECKS}:633")


def split(x: Operands) -> Iterator[Violation]:
    """A stored axis."""
    if x.constant(0 if x.op.name == "SPLIT" else 2) is None:
        yield Violation("an axis that is computed, not stored", f"{BUILDER}:2416")


def _table(*rows: tuple[str, tuple[Rule, ...]]) -> dict[str, tuple[Rule, ...]]:
    return {name: rules for names, rules in rows for name in names.split()}


RULES: Mapping[str, tuple[Rule, ...]] = _table(
    (
        "ABS COS ELU EXP FLOOR GELU HARD_SWISH LEAKY_RELU LOG LOGISTIC NEG RELU RELU6 RELU_N1_TO_1 RSQRT",
        (one_input,),
    ),
    ("SIGN SIN SQRT SQUARE TANH RESHAPE TILE", (one_input,)),
    ("ADD MUL", (two_operands, broadcast, activation)),
    ("DIV SUB", (two_operands, activation)),
    ("ADD_N FLOOR_DIV FLOOR_MOD LOGICAL_AND MAXIMUM MINIMUM POW SQUARED_DIFFERENCE", (two_operands,)),
    (" ".join(COMPARISONS), (comparison,)),
    ("AVERAGE_POOL_2D MAX_POOL_2D", (one_input, kernel, strides, activation)),
    ("BATCH_MATMUL", (matrices,)),
    ("CAST", (one_input, cast)),
    ("CONCATENATION", (concatenation,)),
    ("CONV_2D", (convolution, groups, strides, activation)),
    ("CUMSUM", (cumsum,)),
    ("DEPTHWISE_CONV_2D", (convolution, depthwise, strides, activation)),
    ("DEPTH_TO_SPACE SPACE_TO_DEPTH", (one_input, block_size)),
    ("FULLY_CONNECTED", (fully_connected, activation)),
    ("GATHER", (gather,)),
    ("MEAN REDUCE_MAX REDUCE_MIN REDUCE_PROD SUM", (axes,)),
    ("MIRROR_PAD PAD PADV2", (padding,)),
    ("PRELU", (prelu,)),
    ("RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR", (one_input, resize)),
    ("SELECT SELECT_V2", (select,)),
    ("SLICE", (slices,)),
    ("SOFTMAX", (softmax,)),
    ("SPLIT SPLIT_V", (split,)),
    ("STRIDED_SLICE", (strided_slice,)),
    ("TRANSPOSE", (transpose,)),
    ("TRANSPOSE_CONV", (convolution, strides, transposed)),
)
"""Operation → its rules."""
