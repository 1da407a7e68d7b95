"""The suggested next command of each verb of ``ebb-train``: the last line of its output."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ebb.errors import InvalidInput
from ebb_train.inference.lens_settings import AUTO
from ebb_train.models.weights_path import is_weights_path, weights_files
from ebb_train.networks.registry import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ebb.dataset.splits import Split
    from ebb_train.inference.lens_settings import LensSettings
    from ebb_train.inference.settings import RenderSettings

ON_PHONE = "connect a phone and add --adb --benchmark-model FILE, or run these commands yourself"
ONNX_WRITTEN = "run it with onnxruntime; docs/export.md describes input and output"
NOT_WRITTEN = "report it with the output of ebb doctor: the file differs from PyTorch by more than the limit"


def quoted(path: Path) -> str:
    """A path, quoted for the shell."""
    return shlex.quote(str(path))


def after_fit(run: Path, dataset: Path, *, is_complete: bool) -> str:
    """Evaluation of a complete network, on a split with pairs; a rendering with a PyNET of a deeper level."""
    if not is_complete:
        return f"ebb-train render PHOTO --checkpoint {quoted(run)}"
    out = run.with_name(f"{run.name}-scores")
    split = _flag(_split_with_pairs(dataset))
    return f"ebb-train evaluate {quoted(run)} {quoted(dataset)} --out {quoted(out)}{split}"


def _split_with_pairs(dataset: Path) -> Split:
    """The test split if it has pairs, else the first of the others that has."""
    from ebb_train.data.sources import open_source

    others: tuple[Split, ...] = ("test", "val", "train")
    for split in others:
        try:
            open_source(dataset, split)
        except InvalidInput:
            continue
        return split
    return "test"


def _flag(split: Split) -> str:
    """``--split``, unless it is the default."""
    return "" if split == "test" else f" --split {split}"


def after_render(settings: RenderSettings, lens: LensSettings | None = None) -> str:
    """The flags that were not used.

    Args:
        settings: Those of the rendering.
        lens: Those of the lens, if it rendered.
    """
    again = " --overwrite"  # the picture has the same name
    flags = {}
    if lens is not None:
        flags[f"--focus x,y{again} focuses elsewhere"] = lens.focus != AUTO
        flags["--aperture 1.8,2.8,8 makes a strip"] = len(lens.f_numbers) > 1
    flags[f"--full-resolution{again} keeps the photo's own size"] = settings.full_resolution
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


def after_evaluate(model: str, dataset: Path, split: Split, *, is_model: bool) -> str:
    """A comparison with the baselines; for pictures made elsewhere, the scores of a baseline."""
    if not is_model:
        return f"ebb-train evaluate identity {quoted(dataset)} --out runs/identity{_flag(split)}"
    others = [name for name in ("identity", "gain", "layered") if name != model]
    models = ",".join([*others, model])
    shown = f"--models {shlex.quote(models)} --out runs/table{_flag(split)}"
    return f"ebb-train benchmark {quoted(dataset)} {shown}"


def after_benchmark(models: Sequence[str], dataset: Path, split: Split) -> str:
    """The ablation of the first PyNET; training if there is none."""
    for name in models:
        if is_weights_path(name) and _has_levels(Path(name)):
            return f"ebb-train ablate {shlex.quote(name)} {quoted(dataset)} --out runs/ablation{_flag(split)}"
    return (
        f"ebb-train fit {quoted(dataset)} --out runs/first --schedule smoke --width 0.125{_channels(dataset)}"
    )


def _channels(dataset: Path) -> str:
    """``--in-channels 3``, if no pair for the training has depth."""
    from ebb_train.data.sources import open_source

    try:
        return "" if open_source(dataset, "train").has_depth() else " --in-channels 3"
    except InvalidInput:
        return ""


def _has_levels(path: Path) -> bool:
    """Whether weights are not those of another network than PyNET, whatever the name of the file."""
    from ebb_train.models.weights import network_in

    files = weights_files(path) if path.is_dir() else [path]
    return not any(file.stem.startswith("stage-") or network_in(file) in NETWORKS for file in files[:1])


def after_convert(out: Path, to: str) -> str:
    """Rendering with a weights file; a TensorFlow checkpoint is for the authors' code."""
    if to == "tensorflow":
        return "restore it with the PyNET authors' code"
    return f"ebb-train render PHOTO --checkpoint {quoted(out)}"
