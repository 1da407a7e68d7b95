"""Simulation of camera files, and the whole pipeline from camera files to a data set."""

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
    """Make a data set from a folder of camera files: pair, align, estimate depth, write shards.

    Equivalent to ``ebb run``: an interrupted run is resumed, every file is recorded with its status and
    reason, and the work is done in worker processes.

    Args:
        raw_dir: Folder of camera files (RAW, JPEG, HEIC, TIFF, PNG), searched recursively.
        dataset: The dataset folder; created if it does not exist.
        ingest: Settings of the pairing; None here and below: the defaults.
        align: Settings of the alignment and its limits.
        depth: Provider of depth and its settings; the default is a network whose weights must be installed.
        shard: Settings of the splits and shards.
        run: Number of processes and time limits.
        progress: Called with the name of the stage, the number of finished items, and their total.

    Returns:
        ``status``: stage, status, reason and split of every pair; ``stages``: counts per stage; ``shards``:
        summary of the shards; ``problem``: why no shards were written, or None.

    Raises:
        InvalidInput: ``raw_dir`` is not a folder, or the dataset folder is damaged.
        UsageError: settings contradict each other.
        MissingDependency: the depth network's weights or a package are missing.
        OutputError: the dataset folder cannot be written.
        DatasetLocked: another process is writing to the dataset folder.

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
    """Simulate camera files of capture pairs with ground truth.

    Procedural scenes are rendered with a thin-lens model and sensor noise at f/16 and f/1.8, with camera
    shake between the two shots. ``truth.parquet`` holds the ground truth of each pair.

    Args:
        folder: A new folder, or one with an interrupted run of the same simulation.
        settings: Settings of the simulation; None: 20 pairs of 1296 x 864 pixels.
        run: Number of processes and time limits.
        progress: Called with the name of the stage, the number of finished pairs, and their total.

    Returns:
        Number of pairs per status.

    Raises:
        OutputError: the folder contains other files, or cannot be written.
        InvalidInput: ``settings.from_rgbd`` contains no photo with depth.
        DatasetLocked: another process is writing to the folder.

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
