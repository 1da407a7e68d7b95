"""Networks to files for phones and other run times, as functions."""

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
    """Write TFLite files for phones, each compared with PyTorch before it gets its name.

    Args:
        checkpoint: Weights file of ``ebb-train fit`` or ``convert``, or the run folder of a fit: its best
            weights.
        out: The ``.tflite`` file; with several sizes each file has its size before the suffix.
        settings: Size of the photos, precision; None: the defaults, here and below.
        checks: Which checks of speed, memory and GPU a file goes through.
        note: Called with one line for what is being done.

    Returns:
        One report a file; ``passed`` says whether it was written.

    Raises:
        UsageError: the network does not have the level, or ``out`` does not end in ``.tflite``.
        InvalidInput: the checkpoint, the calibration set or the evaluation is not what it should be.
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
    """Write an ONNX file for photos of any size, compared with PyTorch before it gets its name.

    Args:
        checkpoint: Weights file of ``ebb-train fit`` or ``convert``, or the run folder of a fit: its best
            weights.
        out: The ``.onnx`` file.
        level: Whose picture comes out, 1 to 7; None: the last that the checkpoint has.
        clip: Cut the picture to [0, 1] inside the file.

    Returns:
        ``sha256`` of the file, None if it was too far from PyTorch and was not written; ``parity``.

    Raises:
        UsageError: the network does not have the level, or ``out`` does not end in ``.onnx``.
        InvalidInput: the checkpoint is not what it should be.
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
