"""Whole runs: camera files simulated, camera files turned into a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ebb import pipeline
from ebb.api.processes import main_not_imported
from ebb.api.progress import CallbackProgress
from ebb.settings import (
    AlignSettings,
    DepthSettings,
    IngestSettings,
    RunSettings,
    ShardSettings,
    SimulateSettings,
)
from ebb.stages import simulate

if TYPE_CHECKING:
    from os import PathLike

    from ebb.api.progress import ProgressFunction
    from ebb.pipeline import PipelineReport
    from ebb.runner.stage import StageReport


def run_pipeline(
    raw_dir: str | PathLike[str],
    dataset: str | PathLike[str],
    *,
    ingest: IngestSettings | None = None,
    align: AlignSettings | None = None,
    depth: DepthSettings | None = None,
    shard: ShardSettings | None = None,
    run: RunSettings | None = None,
    progress: ProgressFunction | None = None,
) -> PipelineReport:
    """Make a data set of a folder of camera files: pair, align, add depth, write shards.

    The same as ``ebb run``: a run goes on where an earlier one stopped, every file ends as a row with a
    reason, and the work is done in other processes.

    Args:
        raw_dir: Folder with the camera files: RAW, JPEG, HEIC, TIFF, PNG; searched to its depths.
        dataset: The dataset folder, made if it is not there.
        ingest: How captures are paired; None: the defaults, here and below.
        align: How pairs are brought into register.
        depth: Where depth comes from; by default a network whose weights must be there.
        shard: How pairs become train, val and test shards.
        run: How the run is carried out: processes, time limits.
        progress: Called with the name of a stage, the number of items that are done, and of all.

    Returns:
        ``status``: every pair with its stage, status, reason and split; ``stages``: counts; ``shards``: what
        was written; ``problem``: why there are no shards, or None.

    Raises:
        InvalidInput: ``raw_dir`` is not a folder, or the dataset folder is damaged.
        UsageError: settings that do not go together.
        MissingDependency: the depth network's weights or a package are missing.
        OutputError: the dataset folder cannot be written.
        DatasetLocked: another run holds it.

    Examples:
        >>> import ebb
        >>> settings = ebb.SimulateSettings(scenes=1, bad=0, size="480x320", format="jpeg")
        >>> _ = ebb.simulate_captures("raw", settings)
        >>> align, depth = ebb.AlignSettings(height=192), ebb.DepthSettings(provider="sidecar")
        >>> report = ebb.run_pipeline("raw", "dataset", align=align, depth=depth)
        >>> [(pair.status.value, pair.split) for pair in report.status.pairs]
        [('ok', 'train')]
    """
    settings = pipeline.Settings(
        ingest=ingest or IngestSettings(),
        align=align or AlignSettings(),
        depth=depth or DepthSettings(),
        shard=shard or ShardSettings(),
        run=run or RunSettings(),
    )
    with main_not_imported():
        return pipeline.run_pipeline(Path(dataset), Path(raw_dir), settings, CallbackProgress(progress))


def simulate_captures(
    folder: str | PathLike[str],
    settings: SimulateSettings | None = None,
    *,
    run: RunSettings | None = None,
    progress: ProgressFunction | None = None,
) -> StageReport:
    """Write camera files of capture pairs whose truth is known, for tests and first steps.

    Procedural scenes are photographed with a thin lens and a sensor with noise, at f/16 and at f/1.8, with a
    move of the hand in between; ``truth.parquet`` holds what is true of each pair.

    Args:
        folder: A new folder, or one that the same simulation left unfinished.
        settings: What is photographed; None: 20 pairs of 1296 x 864 pixels.
        run: How the run is carried out.
        progress: Called with the name of the stage, the number of pairs that are done, and of all.

    Returns:
        Counts.

    Raises:
        OutputError: the folder holds something else, or cannot be written.
        InvalidInput: ``settings.from_rgbd`` holds no photo with depth.
        DatasetLocked: another run writes there.

    Examples:
        >>> import ebb
        >>> report = ebb.simulate_captures("raw", ebb.SimulateSettings(scenes=1, bad=0, size="96x64"))
        >>> report.ok, report.failed
        (1, 0)
    """
    with main_not_imported():
        return simulate.run(
            Path(folder), settings or SimulateSettings(), run or RunSettings(), CallbackProgress(progress)
        )
