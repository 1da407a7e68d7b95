"""Verify: compare every file of a dataset with its recorded hash, and read every row of its shards."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebb.dataset.catalog import read_catalog
from ebb.dataset.index import INDEX_NAME, index_text, read_index
from ebb.dataset.staging import CARD_NAME
from ebb.dataset.verify import divided_scenes, verify_shard
from ebb.errors import Status, UsageError
from ebb.files import read_bytes, sha256_file
from ebb.progress import watched
from ebb.results import ALIGN, DEPTH
from ebb.runner.items import Result
from ebb.runner.run import run_items
from ebb.workspace import finished_shards, is_dataset, read_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebb.dataset.shards import ShardEntry
    from ebb.progress import Progress
    from ebb.settings import RunSettings
    from ebb.state import Stage
    from ebb.workspace import Workspace


@dataclass(kw_only=True)
class VerifyReport:
    """Number of files and rows that were checked, and the problems."""

    num_files: int = 0
    num_rows: int = 0
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The same for ``--json``."""
        return asdict(self)


@dataclass(frozen=True)
class Check:
    """One file to check."""

    path: Path
    sha256: str
    """Recorded hash; empty for a file that is not part of the data set."""
    shard: ShardEntry | None = None
    """Contents of a shard; other files are only hashed."""


def run(root: Path, run: RunSettings, progress: Progress, *, with_inputs: bool) -> VerifyReport:
    """Compare every file with the hash that was recorded when it was written; nothing is changed.

    Reports, contact sheets and debug pictures are not checked: they are made from the other files.

    Args:
        root: The dataset folder, or a folder of shards alone.
        run: Number of workers.
        progress: Shows the progress.
        with_inputs: Also hash the camera files.

    Raises:
        InvalidInput: there are no shards, or their index or the state is damaged.
        UsageError: ``with_inputs`` for a folder of shards alone.
    """
    shards = finished_shards(root)
    index = read_index(shards)
    checks = _around_shards(root, with_inputs=with_inputs)
    checks += [Check(shards / name, entry.sha256, entry) for name, entry in index.shards.items()]
    if index.card_sha256:
        checks.append(Check(shards / CARD_NAME, index.card_sha256))
    extra = sorted({path.name for path in shards.glob("*.parquet")} - index.shards.keys())
    checks += [Check(shards / name, "") for name in extra]
    report = VerifyReport(num_files=len(checks), num_rows=sum(entry.rows for entry in index.shards.values()))
    of_set = divided_scenes(shards, index.shards)
    if read_bytes(shards / INDEX_NAME) != index_text(index).encode():
        of_set.append(f"{INDEX_NAME}: not the bytes that ebb wrote for these values")
    with watched(progress, "verify", len(checks) + bool(of_set)):
        for outcome in run_items(look, checks, run):
            found = outcome.value
            if found is None:
                found = [f"{outcome.job.path}: {outcome.reason}: {outcome.detail}"]
            report.problems += found
            status = Status.ERROR if found else Status.OK
            name = "" if found else outcome.job.path.name  # the problems contain it
            progress.advance(name, status, None, "; ".join(found))
        if of_set:
            progress.advance("", Status.ERROR, None, "; ".join(of_set))
    report.problems = sorted([*report.problems, *of_set])
    return report


def look(check: Check) -> Result[list[str]]:
    """List the problems of one file. Runs in a worker."""
    if check.shard is not None:
        return Result(value=verify_shard(check.path, check.shard))
    if not check.sha256:
        return Result(value=[f"{check.path.name}: not part of the data set"])
    try:
        found = sha256_file(check.path)
    except OSError as error:
        return Result(value=[f"{check.path}: cannot be read: {error.strerror}"])
    wrong = [] if found == check.sha256 else [f"{check.path}: SHA-256 is {found}, not {check.sha256}"]
    return Result(value=wrong)


def _around_shards(root: Path, *, with_inputs: bool) -> list[Check]:
    """Files of a dataset folder outside the folder of the shards."""
    if is_dataset(root):
        with read_workspace(root) as workspace:
            workspace.state.check()
            own = [Check(workspace.root / name, sha) for name, sha in workspace.state.written().items()]
            return [*own, *_pair_files(workspace), *(_inputs(workspace) if with_inputs else ())]
    if with_inputs:
        raise UsageError("--inputs needs the whole dataset folder, and these are shards alone", path=root)
    return []


def _pair_files(workspace: Workspace) -> Iterator[Check]:
    stages: tuple[Stage[Any], ...] = (ALIGN, DEPTH)
    for stage in stages:
        for pair_id, row in workspace.state.stage_rows(stage).items():
            if row.status is Status.OK:
                yield from (Check(workspace.pair(pair_id) / name, sha) for name, sha in row.outputs.items())


def _inputs(workspace: Workspace) -> Iterator[Check]:
    rows = read_catalog(workspace.catalog_file)
    return (Check(Path(row.folder, row.name), row.sha256) for row in rows if row.sha256)
