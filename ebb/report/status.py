"""How far a dataset folder is, stage by stage, and what became of every pair."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ebb.dataset.catalog import Pair, pairs_of, read_catalog
from ebb.errors import Reason, Status
from ebb.runner.keys import ALIGN, DEPTH, align_key

if TYPE_CHECKING:
    from ebb.state import StageRow
    from ebb.workspace import Workspace


@dataclass(kw_only=True)
class StageStatus:
    """Counts of one stage over the pairs that reach it."""

    stage: str
    done: int = 0
    rejected: int = 0
    failed: int = 0
    left: int = 0
    """Not done yet, or done with other settings."""


@dataclass(frozen=True, kw_only=True)
class PairStatus:
    """Where one pair stands."""

    pair_id: str
    wide: str
    shallow: str
    stage: str
    """The last stage that said something about it; ``shard`` when it is in one."""
    status: Status | None
    """``None``: not done yet."""
    reason: Reason | None = None
    detail: str = ""
    split: str = ""


@dataclass(kw_only=True)
class DatasetStatus:
    """The whole folder."""

    files: int
    captures_set_aside: int
    stages: list[StageStatus] = field(default_factory=list)
    pairs: list[PairStatus] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The same facts for ``--json``."""
        return asdict(self)


def dataset_status(workspace: Workspace) -> DatasetStatus:
    """Look at catalogue, state and shards of a folder.

    Raises:
        InvalidInput: no catalogue, or a broken one.
    """
    rows = read_catalog(workspace.catalog_file)
    pairs = pairs_of(rows)
    current_align, current_depth = current_rows(workspace, pairs)
    reached = [pair.pair_id for pair in pairs if _is_ok(current_align.get(pair.pair_id))]
    splits = workspace.state.splits()
    return DatasetStatus(
        files=len(rows),
        captures_set_aside=sum(row.reason is not None for row in rows),
        stages=[
            _count(ALIGN, [pair.pair_id for pair in pairs], current_align),
            _count(DEPTH, reached, current_depth),
        ],
        pairs=[_pair(pair, current_align, current_depth, splits) for pair in pairs],
    )


def current_rows(workspace: Workspace, pairs: list[Pair]) -> tuple[dict[str, StageRow], dict[str, StageRow]]:
    """What aligning and depth last said of each pair with the folder's settings; pair_id → row."""
    aligned, deep = workspace.state.stage_rows(ALIGN), workspace.state.stage_rows(DEPTH)
    settings = workspace.settings(ALIGN)
    keys = {pair.pair_id: align_key(pair, settings) for pair in pairs}
    return (
        {key: row for key, row in aligned.items() if row.key == keys.get(key)},
        {key: row for key, row in deep.items() if row.figures.get("align_key", "") == keys.get(key)},
    )


def _count(stage: str, pair_ids: list[str], rows: dict[str, StageRow]) -> StageStatus:
    counts = StageStatus(stage=stage)
    for pair_id in pair_ids:
        row = rows.get(pair_id)
        counts.left += row is None
        counts.done += row is not None and row.status is Status.OK
        counts.rejected += row is not None and row.status is Status.REJECTED
        counts.failed += row is not None and row.status is Status.ERROR
    return counts


def _pair(
    pair: Pair, aligned: dict[str, StageRow], deep: dict[str, StageRow], splits: dict[str, str]
) -> PairStatus:
    row = aligned.get(pair.pair_id)
    stage = ALIGN
    if _is_ok(row):
        row, stage = deep.get(pair.pair_id), DEPTH
    return PairStatus(
        pair_id=pair.pair_id,
        wide=pair.wide.name,
        shallow=pair.shallow.name,
        stage=stage,
        status=row.status if row else None,
        reason=row.reason if row else None,
        detail=row.detail if row else "",
        split=splits.get(pair.pair_id, "") if _is_ok(row) else "",
    )


def _is_ok(row: StageRow | None) -> bool:
    return row is not None and row.status is Status.OK
