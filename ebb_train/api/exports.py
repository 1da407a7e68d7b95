"""Export of networks to TFLite and ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ebb_train.export.settings import CheckSettings, TfliteSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from ebb_train.export.onnx.export import OnnxReport
    from ebb_train.export.tflite.report import FileReport


def export_tflite(
    checkpoint: str | PathLike[str],
    out: str | PathLike[str],
    *,
    settings: TfliteSettings | None = None,
    checks: CheckSettings | None = None,
    note: Callable[[str], None] | None = None,
) -> list[FileReport]:
    """Export a network to TFLite files for phones. Files are written only if they match PyTorch.

    Args:
        checkpoint: Weights file of ``ebb-train fit`` or ``convert``, or a run folder of ``fit``, for its
            best weights.
        out: Path of the ``.tflite`` file; if there are several sizes, each is added before the suffix.
        settings: Size of the photos and precision; None here and below: the defaults.
        checks: Checks of speed, memory and GPU compatibility.
        note: Called with messages about the progress, one line each.

    Returns:
        One report per file; ``passed`` is True if the file was written.

    Raises:
        UsageError: the network does not have the level, or ``out`` does not end in ``.tflite``.
        InvalidInput: the checkpoint, the calibration set or the evaluation is missing or invalid.
        MissingDependency: TensorFlow, LiteRT, PyTorch or safetensors is not installed.
        OutputError: a file cannot be written.

    Examples:
        >>> from pathlib import Path
        >>> from ebb_train.models.network import PyNet, save_pynet
        >>> network = PyNet(ebb_train.PyNetConfig(width=1 / 32, level=7))
        >>> _ = save_pynet(Path("tiny.safetensors"), network, source="an example")
        >>> settings = ebb_train.TfliteSettings(size=("64x64",))
        >>> checks = ebb_train.CheckSettings(runs=0)
        >>> (report,) = ebb_train.export_tflite(
        ...     "tiny.safetensors", "tiny.tflite", settings=settings, checks=checks
        ... )
        >>> report.passed, report.path.exists()
        (True, True)
    """
    from ebb_train.export.tflite.export import export_tflite as export

    return export(
        Path(checkpoint),
        Path(out),
        settings or TfliteSettings(),
        checks or CheckSettings(),
        note or (lambda _: None),
    )


def export_onnx(
    checkpoint: str | PathLike[str], out: str | PathLike[str], *, level: int | None = None, clip: bool = False
) -> OnnxReport:
    """Export a network to an ONNX file for photos of any size. It is written only if it matches PyTorch.

    Args:
        checkpoint: Weights file of ``ebb-train fit`` or ``convert``, or a run folder of ``fit``, for its
            best weights.
        out: Path of the ``.onnx`` file.
        level: Level whose output is exported, 1 to 7; None: the last level of the checkpoint.
        clip: Whether the exported network clips its output to [0, 1].

    Returns:
        ``sha256`` of the file, None if it differs too much from PyTorch and was not written; ``parity``.

    Raises:
        UsageError: the network does not have the level, or ``out`` does not end in ``.onnx``.
        InvalidInput: the checkpoint is missing or invalid.
        MissingDependency: onnx, onnxruntime, PyTorch or safetensors is not installed.
        OutputError: the file cannot be written.

    Examples:
        >>> from pathlib import Path
        >>> from ebb_train.models.network import PyNet, save_pynet
        >>> network = PyNet(ebb_train.PyNetConfig(width=1 / 32, level=7))
        >>> _ = save_pynet(Path("tiny.safetensors"), network, source="an example")
        >>> report = ebb_train.export_onnx("tiny.safetensors", "tiny.onnx")
        >>> report.sha256 is not None, report.path.exists()
        (True, True)
    """
    from ebb_train.export.onnx.export import export_onnx as export

    return export(Path(checkpoint), Path(out), level=level, clip=clip)
