"""Export of PyNET's weights, or, under the name ``lens``, of the repair network in the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb_train.export.onnx import export as pynet_onnx
from ebb_train.export.tflite import export as pynet_tflite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ebb_train.export.onnx.export import OnnxReport
    from ebb_train.export.settings import CheckSettings, TfliteSettings
    from ebb_train.export.tflite.report import FileReport

LENS = "lens"
"""Stands for the network in the package, unless there is a file or folder of this name."""


def is_lens(path: Path) -> bool:
    """Whether a path stands for the network in the package."""
    return str(path) == LENS and not path.exists()


def export_tflite(
    path: Path, out: Path, settings: TfliteSettings, checks: CheckSettings, say: Callable[[str], None]
) -> list[FileReport]:
    """Write TFLite files: see :func:`ebb_train.export.tflite.export.export_tflite`."""
    if is_lens(path):
        from ebb_train.export.repair_network import export_repair_tflite

        return export_repair_tflite(out, settings, checks, say)
    return pynet_tflite.export_tflite(path, out, settings, checks, say)


def export_onnx(path: Path, out: Path, *, level: int | None, clip: bool) -> OnnxReport:
    """Write an ONNX file: see :func:`ebb_train.export.onnx.export.export_onnx`."""
    if is_lens(path):
        from ebb_train.export.repair_network import export_repair_onnx

        return export_repair_onnx(out)
    return pynet_onnx.export_onnx(path, out, level=level, clip=clip)
