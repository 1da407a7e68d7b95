"""PyNET in ONNX operations: the back end for ONNX files. Height and width are dynamic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ebb_train import optional
from ebb_train.models.blocks import EPSILON, RGB_GAIN, RGB_OFFSET, SLOPE, Operations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Value: TypeAlias = str
"""Name of a tensor (1, C, H, W)."""


class OnnxOperations(Operations[Value]):
    """Back end that creates ONNX nodes.

    Args:
        tensors: Parameters by their names in the state dict, in PyTorch's layout, which is also that of ONNX.

    Raises:
        MissingDependency: onnx is not installed.
    """

    def __init__(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        self._tensors = tensors
        self._onnx = optional.onnx()
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def conv(self, name: str, x: Value, kernel: int, channels: int, *, norm: bool) -> Value:  # noqa: ARG002 - the weights know
        """Convolution; ONNX's instance normalisation has the required biased variance."""
        y = self._conv(name, x)
        if norm:
            affine = (self._parameter(name, part) for part in ("scale", "shift"))
            y = self._node("InstanceNormalization", y, *affine, epsilon=EPSILON)
        return self._leaky_relu(y)

    def up(self, name: str, x: Value, channels: int) -> Value:  # noqa: ARG002 - the weights know
        """Transposed convolution; padding at the end only removes the last row and column."""
        y = self._node("ConvTranspose", x, self._parameter(name, "weight"), strides=[2, 2], pads=[0, 0, 1, 1])
        return self._leaky_relu(y)

    def linear(self, name: str, x: Value, channels: int) -> Value:  # noqa: ARG002 - the weights know
        """Convolution with bias."""
        return self._conv(name, x)

    def output_activation(self, x: Value) -> Value:
        """tanh(x) · 0.58 + 0.5."""
        scaled = self._node("Mul", self._node("Tanh", x), self._scalar("rgb_gain", RGB_GAIN))
        return self._node("Add", scaled, self._scalar("rgb_offset", RGB_OFFSET))

    def softmax(self, x: Value) -> Value:
        """Over the channels."""
        return self._node("Softmax", x, axis=1)

    def sigmoid(self, x: Value) -> Value:
        """1 / (1 + exp(−x))."""
        return self._node("Sigmoid", x)

    def pool(self, x: Value) -> Value:
        """Maximum over 2 × 2."""
        return self._node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])

    def space_to_depth(self, x: Value) -> Value:
        """Space to depth; ONNX's operation has TensorFlow's channel order."""
        return self._node("SpaceToDepth", x, blocksize=2)

    def depth_to_space(self, x: Value) -> Value:
        """ONNX's default order is TensorFlow's."""
        return self._node("DepthToSpace", x, blocksize=2, mode="DCR")

    def concat(self, *parts: Value) -> Value:
        """Join along the channels."""
        return self._node("Concat", *parts, axis=1)

    def add(self, x: Value, y: Value) -> Value:
        """Sum."""
        return self._node("Add", x, y)

    def clip(self, x: Value) -> Value:
        """Clip to [0, 1]."""
        return self._node("Clip", x, self._scalar("least", 0), self._scalar("most", 1))

    def rename(self, x: Value, name: str) -> Value:
        """Give a value the name of an input or output."""
        self.nodes.append(self._onnx.helper.make_node("Identity", [x], [name], name=name))
        return name

    def _conv(self, name: str, x: Value) -> Value:
        margin = self._tensors[f"{name}.weight"].shape[-1] // 2
        parameters = (self._parameter(name, part) for part in ("weight", "bias"))
        return self._node("Conv", x, *parameters, pads=[margin] * 4)

    def _leaky_relu(self, x: Value) -> Value:
        return self._node("LeakyRelu", x, alpha=SLOPE)

    def _parameter(self, name: str, part: str) -> Value:
        return self._constant(f"{name}.{part}", self._tensors[f"{name}.{part}"])

    def _scalar(self, name: str, value: float) -> Value:
        return self._constant(name, np.float32(value))

    def _constant(self, name: str, values: NDArray[np.float32] | np.float32) -> Value:
        self.constants[name] = self._onnx.numpy_helper.from_array(np.asarray(values), name)
        return name

    def _node(self, kind: str, *inputs: Value, **attributes: object) -> Value:
        output = f"{kind}_{len(self.nodes)}"
        node = self._onnx.helper.make_node(kind, list(inputs), [output], name=output, **attributes)
        self.nodes.append(node)
        return output
