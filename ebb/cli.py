"""The command ``ebb``: its verbs, what they take and how they end.

A verb's imports happen when it runs, so that ``ebb --help`` is instant.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from ebb.command import Flags, Output, run_verb
from ebb.config import layered
from ebb.errors import ExitCode
from ebb.settings import (
    AlignSettings,
    DepthSettings,
    IngestSettings,
    RunSettings,
    ShardSettings,
    SimulateSettings,
)
from ebb.version import __version__
from ebb.weights_verbs import weights_app

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Common(Output):
    """What every verb takes."""

    dataset: Path = Path("dataset")
    """The dataset folder."""
    config: Path | None = None
    """TOML file with settings; the dataset's own ebb.toml comes after it."""


@dataclass(frozen=True, kw_only=True)
class AlignCommon(Common):
    """What verbs that align take."""

    profile: Literal["clean", "paper"] | None = None
    """Set all limits that are not given otherwise. clean: pairs to measure methods on, the default. paper:
    pairs as in EBB!, whose registration holds, whatever their exposure, blur, or what moved."""


app = App(
    name="ebb",
    version=__version__,
    help="Turn a folder of camera files, each scene shot at f/16 and f/1.8, into a training set.",
    config=layered,
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)


@app.command
def ingest(
    raw_dir: Path,
    /,
    *,
    common: Annotated[Common, Flags] = Common(),
    settings: Annotated[IngestSettings, Flags] = IngestSettings(),
    run: Annotated[RunSettings, Flags] = RunSettings(),
    dry_run: bool = False,
    explain: str | None = None,
) -> ExitCode:
    """Read the EXIF of every file below RAW_DIR and pair the captures: RAW, HEIC, JPEG, TIFF and PNG.

    Example: ebb ingest ./raw --max-gap 60

    Args:
        raw_dir: Folder with camera files.
        dry_run: Pair and report, write nothing.
        explain: Say why this one file was or was not paired; writes nothing.
    """
    from ebb.report.summary import ingest_text
    from ebb.stages import ingest as stage
    from ebb.workspace import check_apart, open_workspace

    console = common.console()
    if explain is not None:
        text = stage.explain_file(raw_dir, explain, settings, run, console.progress())
        console.result({"name": explain, "explanation": text}, text)
        return ExitCode.DONE
    if dry_run:
        report = stage.preview(raw_dir, settings, run, console.progress())
    else:
        check_apart(common.dataset, raw_dir)
        stage.check_ready(raw_dir, settings)
        with open_workspace(common.dataset, create=True) as workspace:
            report = stage.run(workspace, raw_dir, settings, run, console.progress())
    console.result(report.as_dict(), ingest_text(report))
    return report.exit_code


@app.command
def align(
    *,
    common: Annotated[AlignCommon, Flags] = AlignCommon(),
    settings: Annotated[AlignSettings, Flags] = AlignSettings(),
    run: Annotated[RunSettings, Flags] = RunSettings(),
    debug: str | None = None,
) -> ExitCode:
    """Bring the photos of every pair into register, cut to the common part, downscale.

    Example: ebb align --height 1024 --workers 8

    Args:
        debug: Align only the pair with this id, accepted or not, and draw how into debug/PAIR_ID.png of the
            dataset folder: matches, overlay before and after, focus, measurements, gates. Changes nothing
            else.
    """
    from ebb.report.summary import debug_text, stage_text
    from ebb.stages import align as stage
    from ebb.workspace import open_workspace, read_workspace

    console = common.console()
    if debug is not None:
        from ebb.report.debug_picture import write_debug_picture

        with read_workspace(common.dataset) as workspace:
            drawn = write_debug_picture(workspace, debug, settings, run)
        console.result(drawn.as_dict(), debug_text(drawn))
        return ExitCode.DONE
    with open_workspace(common.dataset) as workspace:
        report = stage.run(workspace, settings, run, console.progress())
    console.result(report.as_dict(), stage_text(report))
    return report.exit_code(run.max_reject)


@app.command
def depth(
    *,
    common: Annotated[Common, Flags] = Common(),
    settings: Annotated[DepthSettings, Flags] = DepthSettings(),
    run: Annotated[RunSettings, Flags] = RunSettings(),
) -> ExitCode:
    """Make a depth map for the wide photo of every aligned pair.

    Example: ebb depth --provider sidecar
    """
    from ebb.report.summary import stage_text
    from ebb.stages import depth as stage
    from ebb.workspace import open_workspace

    console = common.console()
    with open_workspace(common.dataset) as workspace:
        report = stage.run(workspace, settings, run, console.progress())
    console.result(report.as_dict(), stage_text(report))
    return report.exit_code(run.max_reject)


@app.command
def shard(
    *,
    common: Annotated[Common, Flags] = Common(),
    settings: Annotated[ShardSettings, Flags] = ShardSettings(),
) -> ExitCode:
    """Write train, val and test shards (Parquet) with a dataset card.

    Example: ebb shard --test 200 --val 0.05
    """
    from ebb.report.summary import shard_text
    from ebb.stages import shard as stage
    from ebb.workspace import open_workspace

    console = common.console()
    with open_workspace(common.dataset) as workspace:
        report = stage.run(workspace, settings, console.progress())
    console.result(report.as_dict(), shard_text(report))
    return ExitCode.DONE


@app.command(name="run")
def run_all(
    raw_dir: Path,
    /,
    *,
    common: Annotated[AlignCommon, Flags] = AlignCommon(),
    pairing: Annotated[IngestSettings, Flags] = IngestSettings(),
    alignment: Annotated[AlignSettings, Flags] = AlignSettings(),
    depth_maps: Annotated[DepthSettings, Flags] = DepthSettings(),
    shards: Annotated[ShardSettings, Flags] = ShardSettings(),
    run: Annotated[RunSettings, Flags] = RunSettings(),
) -> ExitCode:
    """Do it all: ingest, align, depth, shard, and a page and a contact sheet to look at.

    Example: ebb run ./raw --provider sidecar

    Args:
        raw_dir: Folder with camera files.
    """
    from ebb.pipeline import Settings, run_pipeline
    from ebb.report.summary import pipeline_text

    console = common.console()
    settings = Settings(pairing, alignment, depth_maps, shards, run)
    report = run_pipeline(common.dataset, raw_dir, settings, console.progress())
    console.result(report.as_dict(), pipeline_text(report), report.problem)
    return report.exit_code(run.max_reject)


@app.command
def simulate(
    out_dir: Path,
    /,
    *,
    common: Annotated[Common, Flags] = Common(),
    settings: Annotated[SimulateSettings, Flags] = SimulateSettings(),
    run: Annotated[RunSettings, Flags] = RunSettings(),
) -> ExitCode:
    """Simulate capture pairs with known ground truth, from procedural scenes or your own photos with depth.

    Example: ebb simulate ./made --scenes 100 --seed 1 --bad 0.2

    Args:
        out_dir: Folder for the camera files, depth files and truth.parquet: new, empty or begun before.
    """
    from ebb.report.summary import stage_text
    from ebb.stages import simulate as stage

    console = common.console()
    report = stage.run(out_dir, settings, run, console.progress())
    facts = {**report.as_dict(), "folder": str(out_dir), "truth": str(out_dir / stage.TRUTH_FILE)}
    console.result(
        facts, f"{stage_text(report)}\nnext: ebb run {out_dir} --provider sidecar{_height(settings)}"
    )
    return report.exit_code(run.max_reject)


def _height(settings: SimulateSettings) -> str:
    """The flag that keeps landscape photos of a small frame: their common crop is a little lower than it."""
    lines = int(0.9 * settings.frame.height) // 64 * 64
    return f" --height {max(lines, 64)}" if lines < AlignSettings().height else ""


@app.command
def status(*, common: Annotated[Common, Flags] = Common(), pairs: bool = False) -> ExitCode:
    """Say how far a dataset folder is: done, rejected, failed and left, a stage a line.

    Args:
        pairs: Also list every pair with its status.
    """
    from ebb.report.status import dataset_status
    from ebb.report.summary import status_text
    from ebb.workspace import read_workspace

    with read_workspace(common.dataset) as workspace:
        report = dataset_status(workspace)
    common.console().result(report.as_dict(), status_text(report, with_pairs=pairs))
    return ExitCode.DONE


@app.command
def report(*, common: Annotated[Common, Flags] = Common()) -> ExitCode:
    """Write report.html: status of every pair, measurements against their limits, photos to compare.

    One file that fetches nothing. `ebb run` writes it too; it can be written while a run goes on.
    """
    from ebb.report.dataset_page import write_dataset_page
    from ebb.workspace import read_workspace

    with read_workspace(common.dataset) as workspace:
        path = write_dataset_page(workspace)
    common.console().result({"report": str(path)}, f"look at: {path}")
    return ExitCode.DONE


@app.command
def verify(
    *,
    common: Annotated[Common, Flags] = Common(),
    run: Annotated[RunSettings, Flags] = RunSettings(),
    inputs: bool = False,
) -> ExitCode:
    """Hash every file of a dataset again, open every row, check every size.

    --dataset may also be a folder of nothing but shards: the Parquet files and their DATASET.json.

    Args:
        inputs: Also hash the camera files.
    """
    from ebb.report.summary import verify_text
    from ebb.stages import verify as stage

    console = common.console()
    report = stage.run(common.dataset, run, console.progress(), with_inputs=inputs)
    console.result(report.as_dict(), verify_text(report))
    return ExitCode.INVALID_INPUT if report.problems else ExitCode.DONE


@app.command(name="export")
def export_dataset(
    out_dir: Path,
    /,
    *,
    layout: Literal["ebb", "bokehlicious", "ebokehnet"],
    common: Annotated[Common, Flags] = Common(),
    run: Annotated[RunSettings, Flags] = RunSettings(),
    image_format: Annotated[Literal["png", "jpeg"], Parameter(name="--format")] = "png",
) -> ExitCode:
    """Write a data set as folders that other projects read.

    --dataset may also be a folder of nothing but shards: the Parquet files and their DATASET.json.

    Example: ebb export --layout ebb --format jpeg ./EBB

    Args:
        out_dir: Folder to make; it must not exist, or be empty.
        layout: Whose folders.
        image_format: png keeps every pixel; jpeg is quality 95, 4:2:0, as the EBB! release.
    """
    from ebb.report.summary import export_text
    from ebb.stages import export as stage
    from ebb.workspace import finished_shards

    console = common.console()
    shards = finished_shards(common.dataset)
    report = stage.run(shards, out_dir, layout, image_format, run, console.progress())
    console.result(report.as_dict(), export_text(report))
    return ExitCode.DONE


@app.command(name="import")
def import_dataset(
    source: Path,
    /,
    *,
    layout: Literal["ebb"] = "ebb",  # noqa: ARG001 - the only one yet
    common: Annotated[Common, Flags] = Common(),
    settings: Annotated[ShardSettings, Flags] = ShardSettings(),
    run: Annotated[RunSettings, Flags] = RunSettings(),
) -> ExitCode:
    """Turn an existing EBB! folder, with or without depth maps, into shards.

    Example: ebb import ./EBB --dataset ./ebb-shards

    Args:
        source: The folder that holds train, test or Training.
        layout: Whose folders.
    """
    from ebb.pipeline import import_and_shard
    from ebb.report.summary import pipeline_text

    console = common.console()
    report = import_and_shard(common.dataset, source, settings, run, console.progress())
    console.result(report.as_dict(), pipeline_text(report), report.problem)
    return report.exit_code(run.max_reject)


@app.command
def doctor(*, common: Annotated[Common, Flags] = Common()) -> ExitCode:
    """Print versions, what is installed, weights and disk: paste it into a bug report."""
    from ebb.report.doctor import examine

    report = examine(common.dataset)
    width = max(map(len, report))
    common.console().result(report, "\n".join(f"{name:{width}} {value}" for name, value in report.items()))
    return ExitCode.DONE


app.command(weights_app())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and leave with its exit code."""
    sys.exit(run_verb(app, sys.argv[1:] if arguments is None else arguments))
