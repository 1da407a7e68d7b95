"""The command ``ebb-train``: its verbs, what they take and how they end.

A verb's imports happen when it runs, so that ``ebb-train --help`` is instant.
"""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from ebb.command import Flags, Output, run_verb
from ebb.errors import ExitCode, MissingDependency
from ebb.settings import DepthSettings
from ebb.version import __version__
from ebb.weights_verbs import weights_app
from ebb_train.evaluation.settings import ScoreSettings, TimingSettings
from ebb_train.export.settings import CheckSettings, DeviceSettings, TfliteSettings
from ebb_train.inference.settings import RenderSettings
from ebb_train.models.pynet import PAPER, PyNetConfig
from ebb_train.settings import ComputeSettings, FitSettings, MonitorSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

app = App(
    name="ebb-train",
    version=__version__,
    help="Train bokeh networks on the shards that ebb makes, and bring the authors' weights over.",
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)


@app.command
def convert(
    source: Path,
    out: Path,
    /,
    *,
    to: Literal["safetensors", "tensorflow"] = "safetensors",
    output: Annotated[Output, Flags] = Output(),
    config: Annotated[PyNetConfig, Flags] = PAPER,
) -> ExitCode:
    """Turn the PyNET authors' TensorFlow checkpoint into a weights file, or a weights file into a checkpoint.

    Example: ebb-train convert models/pynet_bokeh_level_0 pynet.safetensors

    Args:
        source: Prefix of the checkpoint's files (what comes before .index) or their archive as downloaded, or
            the weights file.
        out: The weights file, or the prefix of the checkpoint's files to write.
        to: What to write. With tensorflow the weights file says what the network is like.
    """
    from ebb_train.models import official

    console = output.console()
    result: dict[str, object] = {"source": source, "out": out, "to": to}
    if to == "tensorflow":
        result["variables"] = official.weights_to_checkpoint(source, out)
    else:
        result["sha256"] = official.checkpoint_to_weights(source, out, config)
        result["variables"] = len(official.variables(config))
        result["licence"] = official.LICENCE
        console.note(f"note: {official.LICENCE}")
    console.result(result, f"{out}: {result['variables']} variables")
    return ExitCode.DONE


@app.command
def fit(
    dataset: Path,
    /,
    *,
    out: Path,
    output: Annotated[Output, Flags] = Output(),
    config: Annotated[PyNetConfig, Flags] = PAPER,
    settings: Annotated[FitSettings, Flags] = FitSettings(),
    compute: Annotated[ComputeSettings, Flags] = ComputeSettings(),
    monitor: Annotated[MonitorSettings, Flags] = MonitorSettings(),
) -> ExitCode:
    """Train PyNET on a data set, level by level from 7 to 1; started again, it goes on where it stopped.

    Example: ebb-train fit dataset --out runs/smoke --schedule smoke --width 0.125

    Args:
        dataset: A dataset folder of ebb, its folder of shards, or an EBB! folder.
        out: The run folder: checkpoints, log, pictures, report.html, and the weights of each finished level.
    """
    from ebb_train import optional

    optional.fabric()  # says which extra is missing, before PyTorch is
    from ebb_train.training.training import fit as run_training

    console = output.console()
    report = run_training(
        dataset, out, config, settings, compute, monitor, progress=console.progress(), note=console.note
    )
    if report.rank == 0:
        result = {"run": report.run, "weights": report.weights, "steps": report.steps}
        console.result(result | {"resumed_at": report.resumed_at}, f"{report.weights}: {report.steps} steps")
    return ExitCode.DONE


@app.command
def render(
    *photos: Path,
    checkpoint: Path,
    out: Path | None = None,
    depth_file: Annotated[Path | None, Parameter(name="--depth")] = None,
    output: Annotated[Output, Flags] = Output(),
    settings: Annotated[RenderSettings, Flags] = RenderSettings(),
    depth: Annotated[DepthSettings, Flags] = DepthSettings(),
) -> ExitCode:
    """Give photos a shallow depth of field: PHOTO_bokeh.jpg for each.

    Example: ebb-train render IMG_1.CR2 --checkpoint runs/paper --full-resolution --compare

    Args:
        photos: JPEG, HEIC, PNG, TIFF or RAW files.
        checkpoint: Weights file, or the run folder of ebb-train fit: the last level there is.
        out: Folder for the pictures; without it they go beside the photos.
        depth_file: Depth of the one photo (png, tif, npy, npz) instead of what --provider gives.
    """
    from ebb_train import optional

    optional.torch()
    from ebb_train.inference.render import render_photos

    console = output.console()
    report = render_photos(
        photos,
        checkpoint,
        out,
        settings,
        depth,
        depth_file,
        progress=console.progress(),
        note=console.note,
    )
    console.result(report.as_dict(), report.text())
    return ExitCode.ITEMS_FAILED if report.failed else ExitCode.DONE


app.command(weights_app())


@app.command
def export_tflite(
    checkpoint: Path,
    out: Path,
    /,
    *,
    output: Annotated[Output, Flags] = Output(),
    settings: Annotated[TfliteSettings, Flags] = TfliteSettings(),
    checks: Annotated[CheckSettings, Flags] = CheckSettings(),
) -> ExitCode:
    """Make a TFLite file for phones out of trained weights, and check it: parity, GPU, speed, memory.

    Example: ebb-train export-tflite runs/mine/level-1.safetensors bokeh.tflite --size 1024x1536

    Args:
        checkpoint: Weights file of ebb-train fit or convert, or the run folder of fit.
        out: The .tflite file to write; with several sizes each file has its size before the suffix.
    """
    from ebb_train.export.tflite.export import export_tflite as export

    console = output.console()
    reports = export(checkpoint, out, settings, checks, console.note)
    result = {"files": [report.as_dict() for report in reports]}
    console.result(result, "\n\n".join(report.as_text() for report in reports))
    return max(report.exit_code for report in reports)


@app.command
def export_onnx(
    checkpoint: Path,
    out: Path,
    /,
    *,
    level: int | None = None,
    clip: bool = False,
    output: Annotated[Output, Flags] = Output(),
) -> ExitCode:
    """Make an ONNX file out of trained weights, for photos of any size, and compare it with PyTorch.

    Example: ebb-train export-onnx runs/mine/level-1.safetensors bokeh.onnx

    Args:
        checkpoint: Weights file of ebb-train fit or convert, or the run folder of fit.
        out: The .onnx file to write.
        level: Whose picture comes out, 1 to 7; without it the checkpoint's last.
        clip: Cut the picture to [0, 1] inside the file; without it values reach a little beyond.
    """
    from ebb_train.export.onnx.export import export_onnx as export

    report = export(checkpoint, out, level=level, clip=clip)
    output.console().result(report.as_dict(), report.as_text())
    return report.exit_code


@app.command
def benchmark_device(
    file: Path,
    /,
    *,
    adb: bool = False,
    output: Annotated[Output, Flags] = Output(),
    settings: Annotated[DeviceSettings, Flags] = DeviceSettings(),
) -> ExitCode:
    """Time a TFLite file on an Android phone, on its GPU and its CPU; without --adb, print the commands.

    Example: ebb-train benchmark-device model.tflite --adb --benchmark-model ./benchmark_model

    Args:
        file: The TFLite file.
        adb: Run the commands; adb must be installed and a phone attached.
    """
    from ebb_train.export.device import adb as phone

    console = output.console()
    script = phone.as_script(file, settings)
    if not adb:
        console.result({"commands": script.splitlines()}, script)
        return ExitCode.DONE
    if not phone.adb_is_here():
        hint = "apt install adb, or run the commands yourself: they are printed without --adb"
        raise MissingDependency("adb is not installed", hint=hint)
    result, text, code = phone.report(phone.benchmark_device(file, settings))
    console.result(result, text)
    return code


@app.command
def inspect(
    file: Path,
    /,
    *,
    verify_gpu: bool = False,
    run: bool = False,
    output: Annotated[Output, Flags] = Output(),
) -> ExitCode:
    """Say what is in a TFLite file, anybody's, and which of its operations the GPU of a phone would not run.

    Example: ebb-train inspect model.tflite

    Args:
        file: The TFLite file.
        verify_gpu: Compile it for a GPU alone, by LiteRT's own accelerator; needs a Vulkan driver.
        run: Run it there too, and compare with the CPU.
    """
    from ebb_train.export.tflite.gpu import verify_gpu_on_noise
    from ebb_train.export.tflite.report import examine_file

    anatomy = examine_file(file)
    result, text = {"file": file} | anatomy.as_dict(), f"{file}\n{anatomy.as_text()}"
    verdict = verify_gpu_on_noise(file, run=run) if verify_gpu or run else None
    if verdict is not None:
        result, text = result | {"gpu": verdict.as_dict()}, f"{text}\n  {verdict.as_text()}"
    output.console().result(result, text)
    return verdict.exit_code if verdict is not None else ExitCode.DONE


@app.command
def evaluate(
    model: str,
    dataset: Path,
    /,
    *,
    out: Path,
    predictions: Path | None = None,
    output: Annotated[Output, Flags] = Output(),
    settings: Annotated[ScoreSettings, Flags] = ScoreSettings(),
) -> ExitCode:
    """Render a split with a model and score the pictures; or score pictures made elsewhere.

    Example: ebb-train evaluate layered dataset --out runs/layered --protocol ebb --protocol pynet2020

    Args:
        model: identity, gain, gaussian, layered, a .safetensors file, a run folder; or, with --predictions,
            a name.
        dataset: A dataset folder of ebb, its folder of shards, or an EBB! folder.
        out: Folder for the pictures, scores.csv, scores.parquet, report.json and index.html.
        predictions: Folder of pictures to score instead, named after pair_id or the photos' files.
    """
    from ebb_train.evaluation.evaluate import PAGE
    from ebb_train.evaluation.evaluate import evaluate as evaluate_model
    from ebb_train.evaluation.texts import evaluation_text

    console = output.console()
    found = evaluate_model(
        model, dataset, out, settings, predictions=predictions, progress=console.progress()
    )
    console.result(found.as_dict(), f"{evaluation_text(found)}\n\nlook at: {out / PAGE}")
    return ExitCode.ITEMS_FAILED if found.num_failed else ExitCode.DONE


@app.command(name="benchmark")
def benchmark_models(
    dataset: Path,
    /,
    *,
    out: Path,
    models: str = "identity,gain,gaussian,layered",
    output: Annotated[Output, Flags] = Output(),
    settings: Annotated[ScoreSettings, Flags] = ScoreSettings(),
    timing: Annotated[TimingSettings, Flags] = TimingSettings(),
) -> ExitCode:
    """Compare models on a split: scores, paired differences, costs, and the paper's numbers beside them.

    Example: ebb-train benchmark dataset --models identity,layered,runs/a/level-1.safetensors --out runs/table

    Args:
        dataset: A dataset folder of ebb, its folder of shards, or an EBB! folder.
        out: Folder for pictures, scores, benchmark.json, timings.json, benchmark.md and index.html.
        models: Names, .safetensors files and run folders, with commas between; differences are to the first.
    """
    from ebb_train.evaluation.benchmark import benchmark
    from ebb_train.evaluation.evaluate import PAGE
    from ebb_train.evaluation.texts import benchmark_text

    console = output.console()
    names = [name.strip() for name in models.split(",") if name.strip()]
    found = benchmark(names, dataset, out, settings, timing, console.progress())
    console.result(found.as_dict(), f"{benchmark_text(found)}\n\nlook at: {out / PAGE}")
    return ExitCode.ITEMS_FAILED if found.num_failed else ExitCode.DONE


@app.command(name="ablate")
def ablate_network(
    checkpoint: Path,
    dataset: Path,
    /,
    *,
    out: Path,
    without_depth: Path | None = None,
    output: Annotated[Output, Flags] = Output(),
    settings: Annotated[ScoreSettings, Flags] = ScoreSettings(),
) -> ExitCode:
    """Show what levels 7 to 4 and depth contribute: pictures and scores without them (figures 8 and 6).

    Example: ebb-train ablate runs/a/level-1.safetensors dataset --out runs/ablation

    Args:
        checkpoint: Weights file of the whole network, or its run folder.
        dataset: A dataset folder of ebb, its folder of shards, or an EBB! folder.
        out: Folder for pictures, strips, ablate.json and index.html.
        without_depth: Weights of a network trained without depth, to compare; else depth is set to zero.
    """
    from ebb_train.evaluation.ablate import ablate
    from ebb_train.evaluation.evaluate import PAGE
    from ebb_train.evaluation.texts import benchmark_text

    console = output.console()
    found = ablate(
        checkpoint, dataset, out, settings, without_depth=without_depth, progress=console.progress()
    )
    console.result(found.as_dict(), f"{benchmark_text(found)}\n\nlook at: {out / PAGE}")
    return ExitCode.ITEMS_FAILED if found.num_failed else ExitCode.DONE


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and leave with its exit code."""
    sys.exit(run_verb(app, sys.argv[1:] if arguments is None else arguments))
