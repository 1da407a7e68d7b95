"""The command ``ebb``: its verbs, their flags and exit codes.

A verb's imports happen when it runs, so that ``ebb --help`` is instant.
"""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import TYPE_CHECKING

from cyclopts import App, Group, Parameter

from ebb.arguments import (
    Common,
    Dataset,
    DatasetOnly,
    Depth,
    Folder,
    Gates,
    Pairing,
    PairRun,
    Printed,
    ProfiledLimits,
    Registration,
    Run,
    Shards,
    Workers,
    align_settings,
)
from ebb.command import Output, run_verb
from ebb.config import layered
from ebb.errors import EbbError, ExitCode
from ebb.exchange_verbs import export_dataset, import_dataset, simulate
from ebb.hints import command
from ebb.report import next_steps
from ebb.settings import (
    DepthSettings,
    IngestSettings,
    PairRunSettings,
    RegistrationSettings,
    RunSettings,
    ShardSettings,
    WorkerSettings,
)
from ebb.version import __version__
from ebb.weights_verbs import weights_app

if TYPE_CHECKING:
    from collections.abc import Sequence


MAKE, LOOK, EXCHANGE, SET_UP = (
    Group(title, sort_key=number)
    for number, title in enumerate(
        ("Make a data set", "Inspect it", "Exchange and simulate", "Set up"),
        start=1,
    )
)

app = App(
    name="ebb",
    version=__version__,
    help="Turn camera files of scenes shot at f/16 (wide) and f/1.8 (shallow) into a training set.",
    config=layered,
    group_commands=Group("Options", sort_key=9),
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)


@app.command(name="run", group=MAKE, sort_key=0)
def run_all(
    raw_dir: Path,
    /,
    *,
    common: Dataset = Common(),
    pairing: Pairing = IngestSettings(),
    registration: Registration = RegistrationSettings(),
    limits: Gates = ProfiledLimits(),
    depth_maps: Depth = DepthSettings(),
    shards: Shards = ShardSettings(),
    run: Run = RunSettings(),
    output: Printed = Output(),
) -> ExitCode:
    """Run all stages (ingest, align, depth, shard), and write a report and a contact sheet.

    Example: ebb run ./raw --provider sidecar

    Example: ebb run ./raw --series --max-gap 90

    Args:
        raw_dir: Folder with camera files.
    """
    from ebb.pipeline import Settings, run_pipeline
    from ebb.pipeline_result import show_result

    console = output.console()
    settings = Settings(pairing, align_settings(registration, limits), depth_maps, shards, run)
    report = run_pipeline(common.dataset, raw_dir, settings, console.progress())
    return show_result(console, report, raw_dir, common.dataset, run.max_reject)


@app.command(group=MAKE, sort_key=1)
def ingest(
    raw_dir: Path,
    /,
    *,
    common: Dataset = Common(),
    settings: Pairing = IngestSettings(),
    workers: Workers = WorkerSettings(),
    output: Printed = Output(),
    dry_run: bool = False,
    explain: str | None = None,
) -> ExitCode:
    """Read the EXIF of every file below RAW_DIR and pair the captures: RAW, HEIC, JPEG, TIFF and PNG.

    Example: ebb ingest ./raw --max-gap 60

    Example: ebb ingest ./raw --series

    Args:
        raw_dir: Folder with camera files.
        dry_run: Pair the files and report the result without writing anything.
        explain: Print why this file is or is not in a pair, without writing anything.
    """
    from ebb.report.summary import ingest_text, preview_text
    from ebb.stages import ingest as stage
    from ebb.workspace import check_apart, open_workspace

    console, run = output.console(), RunSettings(**vars(workers))
    stage.check_ready(raw_dir, settings)
    if explain is not None:
        text = stage.explain_file(raw_dir, explain, settings, run, console.progress())
        again = next_steps.after_preview(raw_dir, 1, common.dataset, settings)
        console.result({"name": explain, "explanation": text}, text, next_step=again)
        return ExitCode.DONE
    if dry_run:
        report = stage.preview(raw_dir, settings, run, console.progress())
        again = next_steps.after_preview(raw_dir, report.num_pairs, common.dataset, settings)
        console.result(report.as_dict(), preview_text(report), next_step=again)
        return report.exit_code
    check_apart(common.dataset, raw_dir)
    with open_workspace(common.dataset, create=True) as workspace:
        report = stage.run(workspace, raw_dir, settings, run, console.progress())
    console.result(
        report.as_dict(),
        ingest_text(report),
        look_at=[workspace.catalog_file],
        next_step=next_steps.after_ingest(raw_dir, report.num_pairs, common.dataset),
    )
    return report.exit_code


@app.command(group=MAKE, sort_key=2)
def align(
    *,
    common: Dataset = Common(),
    registration: Registration = RegistrationSettings(),
    limits: Gates = ProfiledLimits(),
    run: PairRun = PairRunSettings(),
    output: Printed = Output(),
    debug: str | None = None,
) -> ExitCode:
    """Align the photos of every pair, crop them to the common part, and scale them.

    Example: ebb align --height 1024 --workers 8

    Args:
        debug: Align only this pair, whether accepted or rejected, and draw matches, overlays before and
            after, focus, measurements and gates into debug/PAIR_ID.png of the dataset folder. Nothing else
            is changed. The pair is given by its id, the beginning of it, or one of its files, such as
            IMG_0301.DNG.
    """
    from ebb.report.summary import debug_text, stage_text
    from ebb.stages import align as stage
    from ebb.workspace import open_workspace, read_workspace

    console, settings, run = output.console(), align_settings(registration, limits), _run_settings(run)
    if debug is not None:
        from ebb.report.debug_picture import write_debug_picture

        with read_workspace(common.dataset) as workspace:
            drawn = write_debug_picture(workspace, debug, settings, run)
        again = command("status --pairs", common.dataset)
        console.result(drawn.as_dict(), debug_text(drawn), look_at=[drawn.picture], next_step=again)
        return ExitCode.DONE
    with open_workspace(common.dataset) as workspace:
        stage.check_ready(workspace)
        report = stage.run(workspace, settings, run, console.progress())
    console.result(
        report.as_dict(),
        stage_text(report),
        look_at=[workspace.pairs],
        next_step=next_steps.after_stage("align", report.ok, common.dataset),
    )
    return report.exit_code(run.max_reject)


@app.command(group=MAKE, sort_key=3)
def depth(
    *,
    common: Dataset = Common(),
    settings: Depth = DepthSettings(),
    run: Run = RunSettings(),
    output: Printed = Output(),
) -> ExitCode:
    """Make a depth map for the wide photo of every aligned pair.

    Example: ebb depth --provider sidecar
    """
    from ebb.report.summary import stage_text
    from ebb.stages import depth as stage
    from ebb.workspace import open_workspace

    console = output.console()
    with open_workspace(common.dataset) as workspace:
        stage.check_aligned(workspace)
        report = stage.run(workspace, settings, run, console.progress())
    console.result(
        report.as_dict(),
        stage_text(report),
        look_at=[workspace.pairs],
        next_step=next_steps.after_stage("depth", report.ok, common.dataset),
    )
    return report.exit_code(run.max_reject)


@app.command(group=MAKE, sort_key=4)
def shard(
    *, common: Dataset = Common(), settings: Shards = ShardSettings(), output: Printed = Output()
) -> ExitCode:
    """Write train, val and test shards (Parquet) with a dataset card.

    Example: ebb shard --test 200 --val 0.05
    """
    from ebb.report.summary import shard_text
    from ebb.stages import shard as stage
    from ebb.workspace import open_workspace

    console = output.console()
    with open_workspace(common.dataset) as workspace:
        report = stage.run(workspace, settings, console.progress())
    console.result(
        report.as_dict(),
        shard_text(report),
        look_at=[workspace.shards / "README.md"],
        next_step=next_steps.after_shards(report.splits, common.dataset),
    )
    return ExitCode.DONE


@app.command(group=LOOK, sort_key=0)
def status(
    *,
    dataset: Folder = DatasetOnly(),
    output: Printed = Output(),
    pairs: bool = False,
) -> ExitCode:
    """Print the state of a dataset folder: for each stage, the pairs done, rejected, failed and left.

    Example: ebb status --pairs

    Args:
        pairs: Also list every pair with its status.
    """
    from ebb.report.status import dataset_status
    from ebb.report.summary import status_text
    from ebb.workspace import read_workspace

    with read_workspace(dataset.dataset) as workspace:
        report = dataset_status(workspace)
        page = [path for path in (workspace.report,) if path.exists()]
    after = next_steps.after_status(report, dataset.dataset)
    text = status_text(report, with_pairs=pairs)
    output.console().result(report.as_dict(), text, look_at=page, next_step=after)
    return ExitCode.DONE


@app.command(group=LOOK, sort_key=1)
def report(*, dataset: Folder = DatasetOnly(), output: Printed = Output()) -> ExitCode:
    """Write report.html: the status of every pair, its measurements and limits, and its photos.

    The page is a single self-contained file. `ebb run` writes it, too. It can be written during a run.

    Example: ebb report --dataset ./mine
    """
    from ebb.report.dataset_page import write_dataset_page
    from ebb.report.status import dataset_status
    from ebb.report.summary import counts_text
    from ebb.workspace import read_workspace

    with read_workspace(dataset.dataset) as workspace:
        path = write_dataset_page(workspace)
        status = dataset_status(workspace)
    after = next_steps.after_report(status.pairs, dataset.dataset)
    output.console().result({"report": str(path)}, counts_text(status), look_at=[path], next_step=after)
    return ExitCode.DONE


@app.command(group=LOOK, sort_key=2)
def verify(
    *,
    common: Dataset = Common(),
    workers: Workers = WorkerSettings(),
    output: Printed = Output(),
    inputs: bool = False,
) -> ExitCode:
    """Check the hash of every file of a dataset, every row, and every size.

    report.html, contact_sheet.png and the pictures in debug are not checked: they show what is in the other
    files and can be written again.

    --dataset may also be a folder of shards: the Parquet files and their DATASET.json.

    Example: ebb verify --inputs

    Args:
        inputs: Also hash the camera files.
    """
    from ebb.report.summary import verify_text
    from ebb.stages import verify as stage
    from ebb.workspace import finished_shards, is_dataset

    console, run = output.console(), RunSettings(**vars(workers))
    report = stage.run(common.dataset, run, console.progress(), with_inputs=inputs)
    after = next_steps.after_verify(
        common.dataset, is_intact=not report.problems, has_state=is_dataset(common.dataset)
    )
    console.result(
        report.as_dict(), verify_text(report), look_at=[finished_shards(common.dataset)], next_step=after
    )
    return ExitCode.INVALID_INPUT if report.problems else ExitCode.DONE


@app.command(group=SET_UP, sort_key=0)
def doctor(*, dataset: Folder = DatasetOnly(), output: Printed = Output()) -> ExitCode:
    """Print versions, extras, GPU, weights and disk space, for bug reports.

    Example: ebb doctor
    """
    from ebb.report.doctor import examine

    report = examine(dataset.dataset)
    width = max(map(len, report))
    text = "\n".join(f"{name:{width}} {value}" for name, value in report.items())
    output.console().result(report, text, next_step=_after_doctor(dataset.dataset))
    return ExitCode.DONE


app.command(export_dataset, name="export", group=EXCHANGE, sort_key=0)
app.command(import_dataset, name="import", group=EXCHANGE, sort_key=1)
app.command(simulate, group=EXCHANGE, sort_key=2)
app.command(weights_app(SET_UP, sort_key=1))


def _after_doctor(dataset: Path) -> str:
    """The next stage of a dataset folder, otherwise a first run."""
    from ebb.report.status import dataset_status
    from ebb.workspace import is_dataset, read_workspace

    if not is_dataset(dataset):
        return command("run RAW_DIR", dataset)
    try:
        with read_workspace(dataset) as workspace:
            return next_steps.after_status(dataset_status(workspace), dataset)
    except EbbError:  # status says what is wrong with the folder
        return command("status", dataset)


def _run_settings(run: PairRunSettings) -> RunSettings:
    return RunSettings(**vars(run))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and leave with its exit code."""
    sys.exit(run_verb(app, sys.argv[1:] if arguments is None else arguments))
