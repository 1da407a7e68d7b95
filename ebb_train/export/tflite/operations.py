"""PyNET in TensorFlow operations on constant weights: the back end for TFLite files.

The operations are chosen such that they are converted to native TFLite operations of version 1 or 2 on
tensors of rank 4, all of which the GPU delegate supports. Feature maps are (1, H, W, C) float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ebb_train import optional
from ebb_train.models.blocks import EPSILON, RGB_GAIN, RGB_OFFSET, SLOPE, Operations

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

Node: TypeAlias = Any
"""A TensorFlow tensor; TensorFlow has no types."""


class TensorFlowOperations(Operations[Node]):
    """Back end that computes with TensorFlow.

    Args:
        tensors: Parameters by their names in the state dict, in PyTorch's layout.

    Raises:
        MissingDependency: TensorFlow is not installed.
    """

    def __init__(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        self._tensors = tensors
        self._tf = optional.tensorflow()

    def conv(self, name: str, x: Node, kernel: int, channels: int, *, norm: bool) -> Node:  # noqa: ARG002 - the weights know
        """Convolution with SAME padding, which equals PyTorch's zero padding for odd kernels."""
        y = self._conv2d(name, x)
        return self._leaky_relu(self._instance_norm(name, y) if norm else y)

    def up(self, name: str, x: Node, channels: int) -> Node:
        """Transposed convolution; SAME padding drops the last row and column of the full result.

        LiteRT's GPU accelerator (2.3) computes wrong values, off by 0.7, if height or width is odd, as in
        level 7 for most sizes. Such maps are padded by a row or column of zeros, which is cropped afterwards.
        """
        tf = self._tf
        weight = self._tensors[f"{name}.weight"].transpose(2, 3, 1, 0)  # to H, W, out, in
        _, height, width, _ = x.shape
        odd = height % 2, width % 2
        even = tf.pad(x, ((0, 0), (0, odd[0]), (0, odd[1]), (0, 0))) if any(odd) else x
        shape = (1, 2 * even.shape[1], 2 * even.shape[2], channels)
        y = tf.nn.conv2d_transpose(even, weight, shape, strides=2, padding="SAME")
        cut = tf.slice(y, (0, 0, 0, 0), (1, 2 * height, 2 * width, channels)) if any(odd) else y
        return self._leaky_relu(cut)

    def linear(self, name: str, x: Node, channels: int) -> Node:  # noqa: ARG002 - the weights know
        """Convolution with bias."""
        return self._conv2d(name, x)

    def output_activation(self, x: Node) -> Node:
        """tanh(x) · 0.58 + 0.5."""
        return self._tf.tanh(x) * RGB_GAIN + RGB_OFFSET

    def softmax(self, x: Node) -> Node:
        """Over the channels."""
        return self._tf.nn.softmax(x, axis=-1)

    def sigmoid(self, x: Node) -> Node:
        """1 / (1 + exp(−x))."""
        return self._tf.sigmoid(x)

    def pool(self, x: Node) -> Node:
        """Maximum over 2 × 2."""
        return self._tf.nn.max_pool2d(x, 2, 2, "VALID")

    def space_to_depth(self, x: Node) -> Node:
        """Space to depth; the network has the channel order of TensorFlow's operation."""
        return self._tf.nn.space_to_depth(x, 2)

    def depth_to_space(self, x: Node) -> Node:
        """TensorFlow's own operation."""
        return self._tf.nn.depth_to_space(x, 2)

    def concat(self, *parts: Node) -> Node:
        """Join along the channels."""
        return self._tf.concat(parts, axis=-1)

    def add(self, x: Node, y: Node) -> Node:
        """Sum."""
        return x + y

    def clip(self, x: Node) -> Node:
        """Clip to [0, 1] by two operations that the GPU delegate supports, unlike ``clip_by_value``."""
        return self._tf.minimum(self._tf.maximum(x, 0.0), 1.0)

    def _conv2d(self, name: str, x: Node) -> Node:
        weight = self._tensors[f"{name}.weight"].transpose(2, 3, 1, 0)  # to H, W, in, out
        y = self._tf.nn.conv2d(x, weight, strides=1, padding="SAME")
        return y + self._tensors[f"{name}.bias"]

    def _leaky_relu(self, x: Node) -> Node:
        return self._tf.nn.leaky_relu(x, SLOPE)

    def _instance_norm(self, name: str, x: Node) -> Node:
        """Instance normalisation in operations that all run on the GPU delegate, whose means are in float32.

        The centred maps are an operand of both products, so they are computed once. Maps of one pixel are
        their own mean. The converter recognises that, and the delegate refuses the difference of equal
        operands; it is zero.
        """
        tf = self._tf
        if x.shape[1] * x.shape[2] == 1:
            return x * 0.0 + self._tensors[f"{name}.shift"]
        mean = tf.reduce_mean(x, axis=(1, 2), keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(x, mean), axis=(1, 2), keepdims=True)
        gain = tf.math.rsqrt(variance + EPSILON) * self._tensors[f"{name}.scale"]
        return (x - mean) * gain + self._tensors[f"{name}.shift"]
