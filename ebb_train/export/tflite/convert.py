"""Conversion of PyNET to TFLite: a graph of TensorFlow operations, converted by TensorFlow."""

from __future__ import annotations

import contextlib
import logging
import warnings
from typing import TYPE_CHECKING, Any

from ebb_train import optional
from ebb_train.export.settings import INPUT, OUTPUT
from ebb_train.export.tflite.operations import TensorFlowOperations
from ebb_train.models.pynet import pynet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from ebb_train.export.settings import PhotoSize, Precision
    from ebb_train.models.pynet import PyNetConfig


def to_tflite(
    tensors: Mapping[str, NDArray[np.float32]],
    config: PyNetConfig,
    size: PhotoSize,
    *,
    level: int,
    precision: Precision,
    clip: bool,
    calibration: Iterable[NDArray[np.float32]] = (),
) -> bytes:
    """Convert a network for one size.

    Args:
        tensors: Parameters by their names in the state dict, in PyTorch's layout.
        config: Configuration of the network.
        size: Size of the photo.
        level: Level whose picture is the output.
        precision: Precision of the weights and, for int8, of the arithmetic; input and output are always
            float32.
        clip: Clip the picture to [0, 1].
        calibration: For int8: inputs (1, H / 2, W / 2, channels) in [0, 1], requested one at a time.

    Returns:
        The TFLite file; input (1, H / 2, W / 2, 3 or 4), output (1, h, w, 3), NHWC, float32.

    Raises:
        MissingDependency: TensorFlow is not installed.
    """
    net = TensorFlowOperations(tensors)

    def network(photo: Any) -> Any:  # noqa: ANN401 - TensorFlow has no types
        picture = pynet(net, config, photo, (level,))[level]
        return net.clip(picture) if clip else picture

    return convert_network(network, (1, *size.input, config.in_channels), precision, calibration)


def convert_network(
    network: Callable[[Any], Any],
    shape: tuple[int, int, int, int],
    precision: Precision,
    calibration: Iterable[NDArray[np.float32]] = (),
) -> bytes:
    """Convert a function of TensorFlow operations.

    Args:
        network: Maps one tensor to one tensor.
        shape: Of its input, NHWC.
        precision: As in :func:`to_tflite`.
        calibration: For int8: inputs, requested one at a time.

    Returns:
        The TFLite file.

    Raises:
        MissingDependency: TensorFlow is not installed.
    """
    tf = optional.tensorflow()

    def named(x: Any) -> Any:  # noqa: ANN401
        return tf.identity(network(x), name=OUTPUT)

    spec = tf.TensorSpec(shape, tf.float32, name=INPUT)
    function = tf.function(named, input_signature=[spec], autograph=False).get_concrete_function()
    with _quiet() as stderr:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
        _set_precision(tf, converter, precision, _aloud(calibration, stderr))
        data: bytes = converter.convert()
    return data


@contextlib.contextmanager
def _quiet() -> Iterator[int]:
    """Silence the warnings of the conversion; errors are raised as exceptions.

    Yields:
        The original standard error.
    """
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with optional.silent_stderr() as stderr, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield stderr
    finally:
        log.setLevel(level)


def _aloud(photos: Iterable[NDArray[np.float32]], stderr: int) -> Iterator[NDArray[np.float32]]:
    """The same photos, produced with standard error restored while TensorFlow is silenced."""
    waiting = iter(photos)
    while True:
        with optional.stderr_to(stderr):
            photo = next(waiting, None)
        if photo is None:
            return
        yield photo


def _set_precision(
    tf: Any,  # noqa: ANN401 - TensorFlow has no types
    converter: Any,  # noqa: ANN401
    precision: Precision,
    calibration: Iterable[NDArray[np.float32]],
) -> None:
    if precision == "fp32":
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]  # without other options: dynamic-range int8
    if precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    elif precision == "int8":
        converter.representative_dataset = lambda: ([photo] for photo in calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
