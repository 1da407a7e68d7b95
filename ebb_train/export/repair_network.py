"""The repair network in the package as TFLite and ONNX files, compared with PyTorch before they are written.

Input are the eight planes of :func:`ebb_train.lens.planes.input_planes`, at half the size of the photo.
Output is one plane, what is added to the logit of the share of the nearer surface.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.errors import UsageError
from ebb.files import check_writable, write_atomic
from ebb.temporary import temporary_folder
from ebb_train import optional
from ebb_train.export import inputs
from ebb_train.export.onnx.export import IR_VERSION, OPSET, SIZES, OnnxReport
from ebb_train.export.onnx.operations import OnnxOperations
from ebb_train.export.parity import LIMITS, compare
from ebb_train.export.settings import INPUT, OUTPUT
from ebb_train.export.tflite.convert import convert_network
from ebb_train.export.tflite.file_names import card_name, file_name
from ebb_train.export.tflite.graph import read_graph
from ebb_train.export.tflite.operations import TensorFlowOperations
from ebb_train.export.tflite.probe import probe
from ebb_train.export.tflite.report import FileReport, examine
from ebb_train.lens.planes import edge_maps, input_planes
from ebb_train.lens.repair import packaged_network
from ebb_train.models.repair import PLANES, SIZE_MULTIPLE, RepairConfig, logit_change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from ebb_train.export.parity import Parity
    from ebb_train.export.settings import CheckSettings, PhotoSize, Precision, TfliteSettings
    from ebb_train.lens.network import RepairNet

Tensors = dict[str, "NDArray[np.float32]"]


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
    graph = onnx.helper.make_graph(
        net.nodes, "depth-repair", ends[:1], ends[1:], list(net.constants.values())
    )
    opset = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="ebb")
    about = {"config": config.as_dict(), "input": "NCHW, planes of ebb_train.lens.planes.input_planes"}
    onnx.helper.set_model_props(model, {"ebb": json.dumps(about, sort_keys=True)})
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def export_repair_onnx(out: Path) -> OnnxReport:
    """Write the network in the package as an ONNX file, unless it differs from PyTorch.

    Raises:
        UsageError: ``out`` does not end in .onnx.
        MissingDependency: the package has no weights, or onnx, onnxruntime or PyTorch is not installed.
        OutputError: the file cannot be written.
    """
    check_writable(out, ".onnx")
    network = packaged_network()
    runtime = optional.onnxruntime()
    data = repair_to_onnx(_tensors(network), network.config)
    session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
    parity = [
        compare(f"{name} {size}", session.run(None, {INPUT: planes})[0], _change(network, planes))
        for size in SIZES
        for name, planes in _trials(size)
    ]
    passed = all(LIMITS["fp32"].holds(one) for one in parity)
    nodes = len(optional.onnx().load_from_string(data).graph.node)
    sha256 = write_atomic(out, data) if passed else None
    return OnnxReport(path=out, sha256=sha256, bytes=len(data), nodes=nodes, parity=parity)


def export_repair_tflite(
    out: Path,
    settings: TfliteSettings,
    checks: CheckSettings,
    say: Callable[[str], None] = lambda _: None,
) -> list[FileReport]:
    """Write the network in the package as a TFLite file for each size, unless it differs from PyTorch.

    Args:
        out: The file to write; with several sizes, each file has its size before the suffix.
        settings: Sizes of the photos, and the precision.
        checks: ``runs`` and ``threads`` alone count.
        say: Called with one line about each step.

    Raises:
        UsageError: ``out`` does not end in .tflite, or settings of PyNET are given.
        MissingDependency: the package has no weights, or TensorFlow, LiteRT or PyTorch is not installed.
        OutputError: a file cannot be written.
    """
    if settings.level is not None or settings.clip or settings.evaluation or settings.calibration:
        raise UsageError(
            "--level, --clip, --calibration and --evaluation are for PyNET", hint="leave them away"
        )
    sizes = settings.sizes()
    targets = [file_name(out, size, several=len(sizes) > 1) for size in sizes]
    for target in targets:
        check_writable(target, ".tflite")
    network = packaged_network()
    reports = []
    for size, target in zip(sizes, targets, strict=True):
        say(f"{size}: converting, and comparing with PyTorch")
        report = _one_size(network, size, target, settings.precision, checks)
        if report.passed:
            text = f"# Depth repair network for photos of {size}\n\n{__doc__}\n```\n{report.as_text()}\n```\n"
            write_atomic(card_name(target), text.encode())
        reports.append(report)
    return reports


def _one_size(
    network: RepairNet, size: PhotoSize, target: Path, precision: Precision, checks: CheckSettings
) -> FileReport:
    data = repair_to_tflite(_tensors(network), network.config, *size.input, precision)
    trials = list(_trials(size))
    with temporary_folder("export") as folder:
        file = folder / "model.tflite"
        write_atomic(file, data)
        nhwc = [np.ascontiguousarray(planes.transpose(0, 2, 3, 1)) for _, planes in trials]
        found = [one.transpose(0, 3, 1, 2) for one in probe(file, "lean", photos=nhwc).pictures]
        parity: list[Parity] = [
            compare(name, one, _change(network, planes), real=name != "noise")
            for (name, planes), one in zip(trials, found, strict=True)
        ]
        passed = all(LIMITS[precision].holds(one) for one in parity)
        timed = passed and checks.runs > 0
        speed = [probe(file, "plain", threads=checks.threads or 1, runs=checks.runs)] if timed else []
    return FileReport(
        path=target,
        sha256=write_atomic(target, data) if passed else None,
        anatomy=examine(read_graph(data), len(data)),
        parity=parity,
        limit=str(LIMITS[precision]),
        speed=speed,
    )


def _tensors(network: RepairNet) -> Tensors:
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def _change(network: RepairNet, planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Output of PyTorch for an input (1, 8, H, W)."""
    torch = optional.torch()
    from ebb_train.models.network import TorchOperations

    with torch.inference_mode():
        change = logit_change(TorchOperations(network), network.config, torch.from_numpy(planes))
    return np.asarray(change.numpy(), np.float32)


def _trials(size: PhotoSize) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Inputs (1, 8, H, W): a synthetic scene with depth that is too coarse, and noise."""
    import cv2

    scene = inputs.scene(size, 4)
    photo, depth = np.ascontiguousarray(scene.photo[0, ..., :3]), scene.photo[0, ..., 3]
    coarse = np.asarray(cv2.blur(depth, (9, 9)), np.float32)
    yield scene.name, input_planes(photo, edge_maps(coarse))[None]
    yield "noise", np.ascontiguousarray(inputs.noise(size, PLANES).photo.transpose(0, 3, 1, 2))
