"""Export of weights to an ONNX file, which is compared with PyTorch at two sizes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ebb.errors import ExitCode, UsageError
from ebb.files import check_writable, write_atomic
from ebb.version import __version__
from ebb_train import optional
from ebb_train.export import inputs
from ebb_train.export.onnx.operations import OnnxOperations
from ebb_train.export.parity import LIMITS, Parity, compare, not_written, parity_table
from ebb_train.export.settings import INPUT, OUTPUT, PhotoSize
from ebb_train.export.trained import origin, read_trained
from ebb_train.models.pynet import SIZE_MULTIPLE, pynet
from ebb_train.models.weights import PYNET, read_weights
from ebb_train.models.weights_path import weights_path
from ebb_train.networks.files import load_any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ebb_train.export.trained import TrainedNetwork

OPSET, IR_VERSION = 17, 8
"""Versions supported by runtimes since 2022."""

SIZES = (PhotoSize(256, 384), PhotoSize(320, 192))
"""Sizes of the photos for the comparison of PyNET: two, since height and width are dynamic."""


class Exported(NamedTuple):
    """A model, and its comparison with PyTorch."""

    model: Any
    """Of the package onnx, which has no types."""
    compare: Callable[[Any, PhotoSize], Parity]
    """Takes a session of onnxruntime and the size of a photo."""
    sizes: tuple[PhotoSize, ...]
    """Sizes to compare at."""


@dataclass(frozen=True, kw_only=True)
class OnnxReport:
    """Result of an export."""

    path: Path
    sha256: str | None
    """Hash of the file; None: the difference from PyTorch exceeds the limit, and it was not written."""
    bytes: int
    nodes: int
    parity: list[Parity]

    @property
    def exit_code(self) -> ExitCode:
        """Exit code: done, or not written."""
        return ExitCode.ITEMS_FAILED if self.sha256 is None else ExitCode.DONE

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"path": str(self.path), "limit": str(LIMITS["fp32"])}

    def as_text(self) -> str:
        """Report as text."""
        verdict = "" if self.sha256 else not_written(LIMITS["fp32"])
        head = f"{self.path}{verdict}\n  {self.bytes / 1e6:.4g} MB, {self.nodes} nodes, any height and width"
        return f"{head}\n{parity_table(self.parity)}"


def export_onnx(path: Path, out: Path, *, level: int | None, clip: bool) -> OnnxReport:
    """Write an ONNX file, unless its difference from PyTorch exceeds the limit.

    Args:
        path: Weights of a network.
        out: The file to write.
        level: Level of PyNET whose picture is the output; None: the last one.
        clip: Clip the picture to [0, 1].

    Raises:
        UsageError: the network does not have the level, or has no levels, or ``out`` does not end in .onnx.
        InvalidInput: the checkpoint is not a weights file, or is damaged.
        MissingDependency: onnx, onnxruntime, PyTorch or safetensors is not installed.
        OutputError: the file cannot be written.
    """
    check_writable(out, ".onnx")
    _, about = read_weights(weights_path(path))
    optional.onnx()
    optional.onnxruntime()
    if about.network == PYNET:
        exported = _export_pynet(read_trained(path), level, clip=clip)
    else:
        if level is not None:
            raise UsageError(
                f"--level {level}: {about.network} has no levels", path=path, hint="leave it away"
            )
        exported = _export_traced(path, clip=clip)
    model = exported.model
    data: bytes = model.SerializeToString(deterministic=True)
    session = optional.onnxruntime().InferenceSession(data, providers=["CPUExecutionProvider"])
    parity = [exported.compare(session, size) for size in exported.sizes]
    passed = all(LIMITS["fp32"].holds(one) for one in parity)
    sha256 = write_atomic(out, data) if passed else None
    nodes = len(model.graph.node)
    return OnnxReport(path=out, sha256=sha256, bytes=len(data), nodes=nodes, parity=parity)


def _export_pynet(checkpoint: TrainedNetwork, level: int | None, *, clip: bool) -> Exported:
    level = checkpoint.level(level)
    optional.torch()  # takes seconds, so it comes after the paths
    compared = partial(_compare, checkpoint=checkpoint, level=level, clip=clip)
    return Exported(_model(checkpoint, level, clip=clip), compared, SIZES)


def _export_traced(path: Path, *, clip: bool) -> Exported:
    optional.torch()
    from ebb_train.export.onnx import trace
    from ebb_train.networks.photo_network import PhotoNetwork

    file = weights_path(path)
    network, (_, about) = load_any(file), read_weights(file)
    assert isinstance(network, PhotoNetwork)  # noqa: S101 - PyNET has another way
    model = trace.traced_model(network, trace.SIZES[0], origin(file, about), clip=clip)
    return Exported(model, partial(trace.compare_traced, network=network, clip=clip), trace.SIZES)


def _model(checkpoint: TrainedNetwork, level: int, *, clip: bool) -> Any:  # noqa: ANN401 - onnx has no types
    onnx = optional.onnx()
    config = checkpoint.config
    net = OnnxOperations(checkpoint.tensors)
    picture = pynet(net, config, INPUT, (level,))[level]
    net.rename(net.clip(picture) if clip else picture, OUTPUT)
    value = onnx.helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        net.nodes,
        f"pynet level {level}",
        [value(INPUT, kind, [1, config.in_channels, "height", "width"])],
        [value(OUTPUT, kind, [1, 3, "picture_height", "picture_width"])],
        list(net.constants.values()),
    )
    opset = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="ebb")
    model.producer_version = __version__
    about = {
        "config": config.as_dict(),
        "level": level,
        "weights": checkpoint.origin(),
        "input": f"NCHW, [0, 1], half the photo's size; height and width are multiples of {SIZE_MULTIPLE}",
    }
    onnx.helper.set_model_props(model, {"ebb": json.dumps(about, sort_keys=True)})
    onnx.checker.check_model(model, full_check=True)
    return model


def _compare(
    session: Any,  # noqa: ANN401 - onnxruntime has no types
    size: PhotoSize,
    *,
    checkpoint: TrainedNetwork,
    level: int,
    clip: bool,
) -> Parity:
    trial = inputs.scene(size, checkpoint.config.in_channels)
    found: NDArray[np.float32] = session.run(None, {INPUT: trial.photo.transpose(0, 3, 1, 2)})[0]
    wanted = checkpoint.picture(trial.photo, level, clip=clip)
    return compare(f"{trial.name} {size}", found.transpose(0, 2, 3, 1), wanted)
