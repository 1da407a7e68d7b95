"""The repair network as TFLite and ONNX files.

Input are the eight planes of :func:`ebb_train.lens.planes.input_planes`. Output is one plane, what is added to
the logit of the share of the nearer surface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebb.errors import UsageError
from ebb_train import optional
from ebb_train.export.onnx.export import IR_VERSION, OPSET
from ebb_train.export.onnx.operations import OnnxOperations
from ebb_train.export.settings import INPUT, OUTPUT
from ebb_train.export.tflite.convert import convert_network
from ebb_train.export.tflite.operations import TensorFlowOperations
from ebb_train.models.repair import PLANES, SIZE_MULTIPLE, RepairConfig, logit_change

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from ebb_train.export.settings import Precision


def repair_to_tflite(
    tensors: Mapping[str, NDArray[np.float32]],
    config: RepairConfig,
    height: int,
    width: int,
    precision: Precision = "fp32",
) -> bytes:
    """Convert a repair network for one size.

    Args:
        tensors: Parameters by their names in the state dict, in PyTorch's layout.
        config: Configuration of the network.
        height: Height of the input, a multiple of 8.
        width: Likewise.
        precision: Of the weights; int8 is not supported, as it needs photos for calibration.

    Returns:
        The TFLite file: in (1, H, W, 8), out (1, H, W, 1), NHWC, float32.

    Raises:
        UsageError: a side is not a multiple of 8, or the precision is int8.
        MissingDependency: TensorFlow is not installed.
    """
    if precision == "int8" or min(height, width) < 1 or height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
        raise UsageError(
            f"a repair network for {width} x {height} pixels in {precision}",
            hint=f"the sides must be multiples of {SIZE_MULTIPLE}; int8 is not supported",
        )
    net = TensorFlowOperations(tensors)

    def network(planes: Any) -> Any:  # noqa: ANN401 - TensorFlow has no types
        return logit_change(net, config, planes)

    return convert_network(network, (1, height, width, PLANES), precision)


def repair_to_onnx(tensors: Mapping[str, NDArray[np.float32]], config: RepairConfig) -> bytes:
    """Convert a repair network to ONNX, with open height and width.

    Args:
        tensors: Parameters by their names in the state dict, in PyTorch's layout.
        config: Configuration of the network.

    Returns:
        The ONNX file: in (1, 8, H, W), out (1, 1, H, W), float32.

    Raises:
        MissingDependency: onnx is not installed.
    """
    onnx = optional.onnx()
    net = OnnxOperations(tensors)
    net.rename(logit_change(net, config, INPUT), OUTPUT)
    value, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    ends = [
        value(name, kind, [1, channels, "height", "width"])
        for name, channels in ((INPUT, PLANES), (OUTPUT, 1))
    ]
    graph = onnx.helper.make_graph(net.nodes, "depth-repair", ends[:1], ends[1:], list(net.constants.values()))
    opset = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="ebb")
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data
