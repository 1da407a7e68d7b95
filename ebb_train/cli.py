"""The command ``ebb-train``: its verbs, their flags and exit codes.

A verb's imports happen when it runs, so that ``ebb-train --help`` is instant.
"""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Group, Parameter

from ebb.command import Output, flags, run_verb
from ebb.errors import ExitCode
from ebb.version import __version__
from ebb.weights_verbs import Printed, weights_app
from ebb_train import next_steps
from ebb_train.evaluation.settings import ScoreSettings, TimingSettings
from ebb_train.export.settings import CheckSettings, DeviceSettings, TfliteSettings
from ebb_train.inference.lens_settings import LensSettings
from ebb_train.inference.settings import FoundDepthSettings, RenderSettings
from ebb_train.models.pynet import PAPER, PyNetConfig
from ebb_train.strength_verbs import fit_strength
from ebb_train.study_verbs import study_app
from ebb_train.training_verbs import fit

if TYPE_CHECKING:
    from collections.abc import Sequence

Network = Annotated[PyNetConfig, flags("Network")]

TRAIN, SCORE, USE, SET_UP = (
    Group(title, sort_key=number)
    for number, title in enumerate(("Train", "Evaluate", "Render and export", "Weights"), start=1)
)

MAX_LISTED = 40
"""Largest number of pictures that ``render`` lists; for more, it lists their folders."""

app = App(
    name="ebb-train",
    version=__version__,
    help="Train bokeh networks on shards of ebb, score them, render photos with them, and export them.",
    group_commands=Group("Options", sort_key=9),
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)


app.command(fit, group=TRAIN, sort_key=0)
app.command(fit_strength, group=TRAIN, sort_key=1)


@app.command(group=SCORE, sort_key=0)
def evaluate(
    model: str,
    dataset: Path,
    /,
    *,
    out: Path,
    predictions: Path | None = None,
    settings: Annotated[ScoreSettings, flags("Scores")] = ScoreSettings(),
    output: Printed = Output(),
) -> ExitCode:
    """Render a split with a model and score the pictures, or score pictures made elsewhere.

    Example: ebb-train evaluate layered dataset --out runs/layered --protocol ebb --protocol pynet2020

    Args:
        model: identity, gain, gaussian, layered, portrait, pixel-style, a .safetensors file, or a run folder
            (its best weights); masks follow a colon, as in portrait:grabcut. With --predictions, any name.
        dataset: A dataset folder of ebb, its folder of shards, or an EBB! folder.
        out: Folder for the pictures, scores.csv, scores.parquet, report.json and index.html.
        predictions: Folder of existing pictures to score, named after the pair_id or a file of the pair.
    """
    from ebb_train.evaluation.evaluate import PAGE
    from ebb_train.evaluation.evaluate import evaluate as evaluate_model
    from ebb_train.evaluation.texts import evaluation_text

    console = output.console()
    found = evaluate_model(
        model, dataset, out, settings, predictions=predictions, progress=console.progress()
    )
    after = next_steps.after_evaluate(model, dataset, settings.split, is_model=predictions is None)
    console.result(found.as_dict(), evaluation_text(found), look_at=[out / PAGE], next_step=after)
    return ExitCode.ITEMS_FAILED if found.num_failed else ExitCode.DONE


@app.command(name="benchmark", group=SCORE, sort_key=1)
def benchmark_models(
    dataset: Path,
    /,
    *,
    out: Path,
    models: str = "identity,gain,gaussian,layered",
    study: Path | None = None,
    settings: Annotated[ScoreSettings, flags("Scores")] = ScoreSettings(),
    timing: Annotated[TimingSettings, flags("Timing")] = TimingSettings(),
    output: Printed = Output(),
) -> ExitCode:
    """Compare models on a split: scores, paired differences, costs, and the numbers of the paper.

    Example: ebb-train benchmark dataset --models identity,layered,runs/a/level-1.safetensors --out runs/table

    Args:
        dataset: A dataset folder of ebb, its folder of shards, or an EBB! folder.
        out: Folder for pictures, scores, benchmark.json, timings.json, benchmark.md and index.html.
        models: Names, .safetensors files and run folders (their best weights), separated by commas;
            differences are relative to the first. Models that cannot run on the data set are left out.
        study: Study folder with people's opinions of the models' pictures, to compare the metrics with.
    """
    from ebb_train.evaluation.benchmark import TEXT, benchmark
    from ebb_train.evaluation.evaluate import PAGE
    from ebb_train.evaluation.texts import benchmark_text
    from ebb_train.study.study_report import read_opinions

    console = output.console()
    names = [name.strip() for name in models.split(",") if name.strip()]
    opinions = read_opinions(study) if study else None
    found = benchmark(names, dataset, out, settings, timing, console.progress(), opinions)
    after = next_steps.after_benchmark(names, dataset, settings.split)
    look = [out / PAGE, out / TEXT]
    console.result(found.as_dict(), benchmark_text(found), look_at=look, next_step=after)
    return ExitCode.ITEMS_FAILED if found.num_failed else ExitCode.DONE


@app.command(name="ablate", group=SCORE, sort_key=2)
def ablate_network(
    checkpoint: Path,
    dataset: Path,
    /,
    *,
    out: Path,
    without_depth: Path | None = None,
    settings: Annotated[ScoreSettings, flags("Scores")] = ScoreSettings(),
    output: Printed = Output(),
) -> ExitCode:
    """Measure what levels 7 to 4 and depth contribute, by leaving them out (figures 8 and 6 of the paper).

    Example: ebb-train ablate runs/a/level-1.safetensors dataset --out runs/ablation

    Args:
        checkpoint: Weights file of the whole network, or its run folder (its best weights).
        dataset: A dataset folder of ebb, its folder of shards, or an EBB! folder.
        out: Folder for pictures, strips, ablate.json and index.html.
        without_depth: Weights of a network trained without depth, for comparison; by default depth is set to
            zero.
    """
    from ebb_train.evaluation.ablate import STRIPS, ablate
    from ebb_train.evaluation.evaluate import PAGE
    from ebb_train.evaluation.texts import benchmark_text

    console = output.console()
    found = ablate(
        checkpoint, dataset, out, settings, without_depth=without_depth, progress=console.progress()
    )
    after = f"ebb-train export-tflite {next_steps.quoted(checkpoint)} bokeh.tflite"
    look = [out / PAGE, out / STRIPS]
    console.result(found.as_dict(), benchmark_text(found), look_at=look, next_step=after)
    return ExitCode.ITEMS_FAILED if found.num_failed else ExitCode.DONE


@app.command(group=USE, sort_key=0)
def render(
    *photos: Path,
    checkpoint: Path | None = None,
    out: Path | None = None,
    depth_file: Annotated[Path | None, Parameter(name="--depth")] = None,
    lens: Annotated[LensSettings, flags("Lens")] = LensSettings(),
    settings: Annotated[RenderSettings, flags("Rendering")] = RenderSettings(),
    depth: Annotated[FoundDepthSettings, flags("Depth")] = FoundDepthSettings(),
    output: Printed = Output(),
) -> ExitCode:
    """Render photos with a shallow depth of field, as PHOTO_bokeh.jpg.

    A lens is simulated with the depth of the photo, which is searched for; --checkpoint: a network renders.

    Example: ebb-train render IMG_1.jpg --focus 812,430 --aperture 1.8,2.8,8

    Example: ebb-train render IMG_1.CR2 --checkpoint runs/paper --full-resolution --compare

    Args:
        photos: JPEG, HEIC, PNG, TIFF or RAW files.
        checkpoint: Weights file, or a run folder of ebb-train fit (its best weights); --aperture is also for
            networks that take it.
        out: Folder for the pictures; by default that of each photo.
        depth_file: Depth file (png, tif, npy, npz) of a single photo, instead of --provider.
    """
    from ebb_train.inference.render import render_photos

    console = output.console()
    sought, progress, note = depth.of(checkpoint), console.progress(), console.note
    report = render_photos(
        photos, checkpoint, out, settings, sought, depth_file, lens=lens, progress=progress, note=note
    )
    shown = list(dict.fromkeys(report.files if len(report.files) <= MAX_LISTED else report.folders))
    after = next_steps.after_render(settings, lens if checkpoint is None else None) if shown else ""
    console.result(report.as_dict(), report.text(), look_at=shown, next_step=after)
    return ExitCode.ITEMS_FAILED if report.failed else ExitCode.DONE


@app.command(group=USE, sort_key=1)
def export_tflite(
    checkpoint: Path,
    out: Path,
    /,
    *,
    settings: Annotated[TfliteSettings, flags("File")] = TfliteSettings(),
    checks: Annotated[CheckSettings, flags("Checks")] = CheckSettings(),
    output: Printed = Output(),
) -> ExitCode:
    """Export trained weights to a TFLite file for phones, and check it: parity, GPU, speed, memory.

    Example: ebb-train export-tflite runs/mine/level-1.safetensors bokeh.tflite --size 1024x1536

    Args:
        checkpoint: Weights file of ebb-train fit or convert, a run folder of fit (its best weights), or
            lens: the network in the package that repairs depth.
        out: The .tflite file to write; with several sizes, each file has its size before the suffix.
    """
    from ebb_train.export.networks import export_tflite as export
    from ebb_train.export.tflite.file_names import card_name

    console = output.console()
    reports = export(checkpoint, out, settings, checks, console.note)
    result = {"files": [report.as_dict() for report in reports]}
    text = "\n\n".join(report.as_text() for report in reports)
    written = [path for report in reports if report.passed for path in (report.path, card_name(report.path))]
    after = next_steps.after_tflite([report.path for report in reports if report.passed])
    console.result(result, text, look_at=written, next_step=after)
    return max(report.exit_code for report in reports)


@app.command(group=USE, sort_key=2)
def export_onnx(
    checkpoint: Path,
    out: Path,
    /,
    *,
    level: int | None = None,
    clip: bool = False,
    output: Printed = Output(),
) -> ExitCode:
    """Export trained weights to an ONNX file for photos of any size, and compare it with PyTorch.

    Example: ebb-train export-onnx runs/mine/level-1.safetensors bokeh.onnx

    Args:
        checkpoint: Weights file of ebb-train fit or convert, a run folder of fit, or lens: render's network.
        out: The .onnx file to write.
        level: Level whose picture is the output, 1 to 7; by default the checkpoint's last.
        clip: Clip the picture to [0, 1] inside the file; otherwise values may lie slightly outside.
    """
    from ebb_train.export.networks import export_onnx as export

    report = export(checkpoint, out, level=level, clip=clip)
    written = [out] if report.sha256 else []
    after = next_steps.ONNX_WRITTEN if report.sha256 else next_steps.NOT_WRITTEN
    output.console().result(report.as_dict(), report.as_text(), look_at=written, next_step=after)
    return report.exit_code


@app.command(group=USE, sort_key=3)
def inspect(
    file: Path,
    /,
    *,
    verify_gpu: bool = False,
    run: bool = False,
    output: Printed = Output(),
) -> ExitCode:
    """List the tensors and operations of any TFLite file, and those that a phone's GPU does not support.

    Example: ebb-train inspect model.tflite

    Args:
        file: The TFLite file.
        verify_gpu: Compile the file for a GPU only, with LiteRT's accelerator; requires a Vulkan driver.
        run: Also run it on the GPU, and compare the result with that of the CPU.
    """
    from ebb_train.export.tflite.gpu import verify_gpu_on_noise
    from ebb_train.export.tflite.report import examine_file

    anatomy = examine_file(file)
    result, text = {"file": file} | anatomy.as_dict(), f"{file}\n{anatomy.as_text()}"
    verdict = verify_gpu_on_noise(file, run=run) if verify_gpu or run else None
    if verdict is not None:
        result, text = result | {"gpu": verdict.as_dict()}, f"{text}\n  {verdict.as_text()}"
    after = next_steps.after_inspect(file, num_refused=len(anatomy.faults), note=anatomy.note)
    output.console().result(result, text, next_step=after)
    return verdict.exit_code if verdict is not None else ExitCode.DONE


@app.command(group=USE, sort_key=4)
def benchmark_device(
    file: Path,
    /,
    *,
    adb: bool = False,
    settings: Annotated[DeviceSettings, flags("Phone")] = DeviceSettings(),
    output: Printed = Output(),
) -> ExitCode:
    """Measure a TFLite file on the GPU and CPU of an Android phone; without --adb, print the commands.

    Example: ebb-train benchmark-device model.tflite --adb --benchmark-model ./benchmark_model

    Args:
        file: The TFLite file.
        adb: Run the commands; adb must be installed and a phone connected.
    """
    from ebb_train.export.device import adb as phone

    console = output.console()
    script = phone.as_script(file, settings)
    if not adb:
        # a comment, so that the output is a script
        values = {"commands": script.splitlines(), "next": next_steps.ON_PHONE}
        console.result(values, f"{script}\n# next: {next_steps.ON_PHONE}")
        return ExitCode.DONE
    phone.require_adb()
    result, text, code = phone.report(phone.benchmark_device(file, settings))
    console.result(result, text, next_step=f"ebb-train inspect {next_steps.quoted(file)}")
    return code


@app.command(group=SET_UP, sort_key=1)
def convert(
    source: Path,
    out: Path,
    /,
    *,
    to: Literal["safetensors", "tensorflow"] = "safetensors",
    config: Network = PAPER,
    output: Printed = Output(),
) -> ExitCode:
    """Convert the PyNET authors' TensorFlow checkpoint to a weights file, or a weights file to a checkpoint.

    Example: ebb-train convert models/pynet_bokeh_level_0 pynet.safetensors

    Args:
        source: Prefix of the checkpoint files (the part before .index), their archive as downloaded, or a
            weights file.
        out: The weights file to write, or the prefix of the checkpoint files to write.
        to: Format to write. A weights file contains the configuration of its network.
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
    after = next_steps.after_convert(out, to)
    console.result(result, f"{result['variables']} variables", look_at=[out], next_step=after)
    return ExitCode.DONE


app.command(weights_app(SET_UP, sort_key=0))
app.command(study_app(SCORE, sort_key=3))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and leave with its exit code."""
    sys.exit(run_verb(app, sys.argv[1:] if arguments is None else arguments))
