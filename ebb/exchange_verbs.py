"""The verbs for data of other projects, and for simulated captures: ``export``, ``import``, ``simulate``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import Annotated, Literal

from cyclopts import Parameter

from ebb.arguments import (
    Common,
    ConfigFile,
    ConfigOnly,
    Dataset,
    Gates,
    PairRun,
    Printed,
    ProfiledLimits,
    Realign,
    RealignSettings,
    Scenes,
    Shards,
    Workers,
    align_settings,
)
from ebb.command import Output
from ebb.errors import ExitCode
from ebb.report import next_steps
from ebb.settings import PairRunSettings, RunSettings, ShardSettings, SimulateSettings, WorkerSettings


def export_dataset(
    out_dir: Path,
    /,
    *,
    layout: Literal["ebb", "bokehlicious", "ebokehnet"],
    common: Dataset = Common(),
    workers: Workers = WorkerSettings(),
    output: Printed = Output(),
    image_format: Annotated[Literal["png", "jpeg"], Parameter(name="--format")] = "png",
) -> ExitCode:
    """Write a data set as folders that other projects read.

    --dataset may also be a folder of shards alone: the Parquet files and their DATASET.json.

    Example: ebb export --layout ebb --format jpeg ./EBB

    Args:
        out_dir: Folder to make: new, empty, or with an earlier export of the same data set.
        layout: Whose folders.
        image_format: png keeps every pixel; jpeg is quality 95, 4:2:0, as the EBB! release.
    """
    from ebb.report.summary import export_text
    from ebb.stages import export as stage
    from ebb.workspace import finished_shards

    console, run = output.console(), RunSettings(**vars(workers))
    shards = finished_shards(common.dataset)
    report = stage.run(shards, out_dir, layout, image_format, run, console.progress())
    after = (
        next_steps.training(out_dir) if layout == "ebb" else f"train with the code of {layout} on this folder"
    )
    console.result(report.as_dict(), export_text(report), look_at=[report.folder], next_step=after)
    return ExitCode.DONE


def import_dataset(
    source: Path,
    /,
    *,
    layout: Literal["auto", "ebb", "bokehlicious", "realbokeh", "ebokehnet", "vabm", "vabd"] = "auto",
    pairs: Path | None = None,
    realign: bool = False,
    common: Dataset = Common(),
    registration: Realign = RealignSettings(),
    limits: Gates = ProfiledLimits(),
    settings: Shards = ShardSettings(),
    run: PairRun = PairRunSettings(),
    output: Printed = Output(),
) -> ExitCode:
    """Turn an existing data set, with or without depth maps, into shards, and measure every pair.

    The pixels stay as they are. Pairs that the limits of rejection would refuse are listed in refused.csv of
    the dataset folder and kept; --refuse leaves them out of the shards.

    Example: ebb import ./EBB --dataset ./ebb-shards

    Args:
        source: The folder that holds train, test, validation or Training.
        layout: Whose folders: EBB!, EBB! as Bokehlicious reads it, RealBokeh, the NTIRE 2023 challenge of
            EBokehNet, EBB! and VABD as VABM reads them. auto: the one that fits.
        pairs: CSV file that lists the pairs of any other folder: the columns wide and shallow, and if known
            depth, split, f_number_wide, f_number_shallow; paths within SOURCE.
        realign: Register each pair again, cut both photos to their common part, and reject by the limits, as
            ebb align does. The flags under Alignment are for this.
    """
    from ebb.pipeline import import_and_shard
    from ebb.pipeline_result import show_result
    from ebb.scan.data_set import Request

    console = output.console()
    request = Request(source=source, layout=layout, pairs=pairs, realign=realign)
    report = import_and_shard(
        common.dataset,
        request,
        align_settings(registration, limits),
        settings,
        RunSettings(**vars(run)),
        console.progress(),
    )
    return show_result(console, report, source, common.dataset, run.max_reject)


def simulate(
    out_dir: Path,
    /,
    *,
    config: ConfigFile = ConfigOnly(),  # noqa: ARG001 - read by layered
    settings: Scenes = SimulateSettings(),
    run: PairRun = PairRunSettings(),
    output: Printed = Output(),
) -> ExitCode:
    """Simulate capture pairs with known ground truth, from procedural scenes or your own photos with depth.

    Example: ebb simulate ./made --scenes 100 --seed 1 --bad 0.2

    Args:
        out_dir: Folder for the camera files, depth files and truth.parquet: new, empty or begun before.
    """
    from ebb.report.summary import stage_text
    from ebb.stages import simulate as stage

    console, truth = output.console(), out_dir / stage.TRUTH_FILE
    report = stage.run(out_dir, settings, RunSettings(**vars(run)), console.progress())
    values = {**report.as_dict(), "folder": str(out_dir), "truth": str(truth)}
    after = next_steps.after_simulate(out_dir, settings)
    console.result(values, stage_text(report), look_at=[out_dir, truth], next_step=after)
    return report.exit_code(run.max_reject)
