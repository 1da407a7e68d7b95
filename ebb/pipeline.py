"""All stages over one dataset folder: camera files, or an existing data set, to shards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ebb.dataset.catalog import pairs_of, read_catalog
from ebb.dataset.splits import check_targets
from ebb.errors import ExitCode
from ebb.report.contact_sheet import write_contact_sheet
from ebb.report.dataset_page import write_dataset_page
from ebb.report.refused_list import write_refused_list
from ebb.report.status import DatasetStatus, dataset_status
from ebb.scan.data_set import find_data_set
from ebb.settings import DepthSettings
from ebb.stages import align, depth, import_, ingest, shard
from ebb.workspace import check_apart, open_workspace

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.errors import EbbError
    from ebb.progress import Progress
    from ebb.runner.stage import StageReport
    from ebb.scan.data_set import Request
    from ebb.settings import AlignSettings, IngestSettings, RunSettings, ShardSettings
    from ebb.workspace import Workspace


@dataclass(frozen=True)
class Settings:
    """Settings of all stages of a run."""

    ingest: IngestSettings
    align: AlignSettings
    depth: DepthSettings
    shard: ShardSettings
    run: RunSettings


@dataclass(kw_only=True)
class PipelineReport:
    """Results of each stage of a run, and their paths."""

    dataset: str
    ingested: ingest.IngestReport | None = None
    stages: list[StageReport] = field(default_factory=list)
    shards: shard.ShardReport | None = None
    problem: EbbError | None = None
    """Why there are no shards."""
    status: DatasetStatus
    contact_sheet: str = ""
    page: str = ""
    refused_list: str = ""
    """Of an import: the pairs that the limits refuse, if there are any."""

    @property
    def to_look_at(self) -> list[str]:
        """Files to look at."""
        return [path for path in (self.page, self.contact_sheet, self.refused_list) if path]

    def exit_code(self, max_reject: float) -> ExitCode:
        """4 without one usable pair, 3 when anything failed or too much was rejected, else 0."""
        if self.problem is not None:
            return self.problem.exit_code
        codes = [stage.exit_code(max_reject) for stage in self.stages]
        if self.ingested is not None:
            codes.append(self.ingested.exit_code)
        return max(codes, default=ExitCode.DONE)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return {
            "dataset": self.dataset,
            "ingest": self.ingested.as_dict() if self.ingested else None,
            **{stage.stage: stage.as_dict() for stage in self.stages},
            "shard": self.shards.as_dict() if self.shards else None,
            "pairs": self.status.as_dict()["pairs"],
            "contact_sheet": self.contact_sheet,
            "report": self.page,
            **({"refused_list": self.refused_list} if self.refused_list else {}),
        }


def run_pipeline(dataset: Path, raw_dir: Path, settings: Settings, progress: Progress) -> PipelineReport:
    """Camera files to shards; resumes where an earlier run stopped.

    Raises:
        EbbError: an error of any stage; missing photos and weights are reported before a folder is made.
    """
    check_apart(dataset, raw_dir)
    ingest.check_ready(raw_dir, settings.ingest)
    depth.check_ready(settings.depth)
    with open_workspace(dataset, create=True) as workspace:
        ingested = ingest.run(workspace, raw_dir, settings.ingest, settings.run, progress)
        if pairs := pairs_of(read_catalog(workspace.catalog_file)):
            check_targets(len(pairs), settings.shard)  # now, not after all pairs are aligned
        stages = [
            align.run(workspace, settings.align, settings.run, progress),
            depth.run(workspace, settings.depth, settings.run, progress),
        ]
        return _finish(workspace, stages, settings.shard, progress, ingested)


def import_and_shard(
    dataset: Path,
    request: Request,
    align_settings: AlignSettings,
    shard_settings: ShardSettings,
    run: RunSettings,
    progress: Progress,
) -> PipelineReport:
    """Import an existing data set, unchanged or registered again, and write it as shards.

    Args:
        dataset: The dataset folder.
        request: What to import, and whether to register it again.
        align_settings: How, and the limits that the measurements are held against in any case.
        shard_settings: How the shards are written.
        run: How the run is carried out.
        progress: Shows every file and pair.

    Raises:
        EbbError: an error of any stage.
    """
    check_apart(dataset, request.source)
    find_data_set(request)
    with open_workspace(dataset, create=True) as workspace:
        stages: list[StageReport] = [import_.run(workspace, request, align_settings, run, progress)]
        if request.realign:
            given = DepthSettings(provider="import")
            stages += [
                align.run(workspace, align_settings, run, progress),
                depth.run(workspace, given, run, progress, origins={"realign"}),
            ]
        return _finish(workspace, stages, shard_settings, progress)


def _finish(
    workspace: Workspace,
    stages: list[StageReport],
    settings: ShardSettings,
    progress: Progress,
    ingested: ingest.IngestReport | None = None,
) -> PipelineReport:
    """Write the shards, if any pair is ready, and in any case the page and the contact sheet."""
    shards = problem = None
    try:
        shards = shard.run(workspace, settings, progress)
    except shard.NothingReady as error:
        problem = error
    sheet, refused = write_contact_sheet(workspace), write_refused_list(workspace)
    return PipelineReport(
        dataset=str(workspace.root),
        ingested=ingested,
        stages=stages,
        shards=shards,
        problem=problem,
        status=dataset_status(workspace),
        contact_sheet=str(sheet or ""),
        refused_list=str(refused or ""),
        page=str(write_dataset_page(workspace)),
    )
