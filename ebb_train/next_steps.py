"""The suggested next command of each verb of ``ebb-train``: the last line of its output."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ebb.errors import InvalidInput
from ebb_train.inference.lens_settings import AUTO
from ebb_train.models.weights_path import is_weights_path, weights_path
from ebb_train.networks.registry import NETWORKS, PYNET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ebb_train.inference.lens_settings import LensSettings
    from ebb_train.inference.settings import RenderSettings

ON_PHONE = "connect a phone and add --adb --benchmark-model FILE, or run these commands yourself"
ONNX_WRITTEN = "run it with onnxruntime; docs/export.md describes input and output"
NOT_WRITTEN = "report it with the output of ebb doctor: the file differs from PyTorch by more than the limit"


def quoted(path: Path) -> str:
    """A path, quoted for the shell."""
    return shlex.quote(str(path))


def after_fit(run: Path, dataset: Path, *, is_complete: bool) -> str:
    """Evaluation of a complete network; a rendering with a PyNET that ends at a deeper level."""
    if not is_complete:
        return f"ebb-train render PHOTO --checkpoint {quoted(run)}"
    out = run.with_name(f"{run.name}-scores")
    return f"ebb-train evaluate {quoted(run)} {quoted(dataset)} --out {quoted(out)}"


def after_render(settings: RenderSettings, lens: LensSettings | None = None) -> str:
    """The flags that were not used.

    Args:
        settings: Those of the rendering.
        lens: Those of the lens, if it rendered.
    """
    flags = {}
    if lens is not None:
        flags["--focus x,y focuses elsewhere"] = lens.focus != AUTO
        flags["--aperture 1.8,2.8,8 makes a strip"] = len(lens.f_numbers) > 1
    flags["--full-resolution keeps the photo's own size"] = settings.full_resolution
    if lens is None or len(lens.f_numbers) == 1:
        flags["--compare puts photo and picture side by side"] = settings.compare
    return ", ".join(text for text, is_used in flags.items() if not is_used)


def after_tflite(files: Sequence[Path]) -> str:
    """Timing on a phone, if a file was written."""
    return f"ebb-train benchmark-device {quoted(files[0])}" if files else NOT_WRITTEN


def after_inspect(file: Path, *, num_refused: int, note: Mapping[str, Any] | None = None) -> str:
    """Timing on a phone; another export if the GPU does not support all operations.

    Args:
        file: The TFLite file.
        num_refused: Number of violated rules.
        note: That of ``ebb-train export-tflite``, if it wrote the file.
    """
    if not num_refused:
        return f"ebb-train benchmark-device {quoted(file)}"
    if note is None:
        return "ebb-train export-tflite writes files whose operations all run on the GPU"
    if note.get("precision") == "int8":
        return "int8 is for CPUs and NPUs: for GPUs, export it with --precision fp16"
    return "export it again; if faults remain, report them with the output of ebb doctor"


def after_evaluate(model: str, dataset: Path, *, is_model: bool, split: str = "test") -> str:
    """A comparison with the baselines; for pictures made elsewhere, the scores of a baseline."""
    if not is_model:
        return f"ebb-train evaluate identity {quoted(dataset)}{_split_flag(split)} --out runs/identity"
    others = [name for name in ("identity", "gain", "layered") if name != model]
    models = shlex.quote(",".join([*others, model]))
    return f"ebb-train benchmark {quoted(dataset)} --models {models}{_split_flag(split)} --out runs/table"


def after_benchmark(models: Sequence[str], dataset: Path, split: str = "test") -> str:
    """The ablation of the first PyNET; of other networks, an export; training if there is no network."""
    networks = [(_network(name), shlex.quote(name)) for name in models if is_weights_path(name)]
    for weights in (name for network, name in networks if network == PYNET):
        return f"ebb-train ablate {weights} {quoted(dataset)}{_split_flag(split)} --out runs/ablation"
    for weights in (name for network, name in networks if network in NETWORKS):
        return f"ebb-train export-onnx {weights} bokeh.onnx"
    return f"ebb-train fit {quoted(dataset)} --out runs/first --schedule smoke --width 0.125"


def _network(name: str) -> str:
    """Name of the network in a weights file or run folder; empty if there is none."""
    from ebb_train.models.weights import network_in

    try:
        return network_in(weights_path(Path(name)))
    except InvalidInput:
        return ""


def _split_flag(split: str) -> str:
    return "" if split == "test" else f" --split {split}"


def after_convert(out: Path, to: str) -> str:
    """Rendering with a weights file; a TensorFlow checkpoint is for the authors' code."""
    if to == "tensorflow":
        return "restore it with the PyNET authors' code"
    return f"ebb-train render PHOTO --checkpoint {quoted(out)}"
