"""Status of a dataset folder, stage by stage and pair by pair."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ebb.dataset.catalog import Pair, pairs_of, read_catalog
from ebb.errors import Reason, Rejected, Status
from ebb.results import ALIGN, DEPTH
from ebb.runner.keys import align_key, photos_key
from ebb.settings import AlignSettings
from ebb.sharded import SHARD, read_sharded, why_left_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb.dataset.catalog import CatalogRow
    from ebb.results import DepthMap, StoredAlignment
    from ebb.sharded import Sharded
    from ebb.state import StageRow
    from ebb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Catalogue and state of a folder, read once."""

    catalog: list[CatalogRow]
    pairs: list[Pair]
    aligned: dict[str, StageRow[StoredAlignment]]
    """Latest results of alignment with the folder's settings: pair_id → row."""
    deep: dict[str, StageRow[DepthMap]]
    """Latest results of depth for the current photos."""
    splits: dict[str, str]
    """Assigned splits, also of pairs that are in no shard."""
    sharded: Sharded
    limits: AlignSettings
    """What the measurements of imported pairs are held against."""


@dataclass(kw_only=True)
class StageStatus:
    """Counts of a stage over the pairs that reach it."""

    stage: str
    done: int = 0
    rejected: int = 0
    failed: int = 0
    left: int = 0
    """Pairs that are not done, or were done with other settings."""


@dataclass(frozen=True, kw_only=True)
class PairStatus:
    """Status of one pair."""

    pair_id: str
    wide: str
    shallow: str
    stage: str
    """The last stage with a result; ``shard`` if the pair is in a shard or is left out of the shards."""
    status: Status | None
    """Status of this stage; ``None`` if it is not done."""
    reason: Reason | None = None
    detail: str = ""
    split: str = ""
    """Split of the shard that holds the pair; empty if none does."""
    refused_for: tuple[Reason, ...] = ()
    """Of a pair that was imported unchanged: the reasons for which the limits refuse it."""
    refused_detail: str = ""
    """What the first of them says."""


@dataclass(kw_only=True)
class DatasetStatus:
    """Status of the whole folder."""

    files: int
    captures_set_aside: int
    stages: list[StageStatus] = field(default_factory=list)
    """``align``, ``depth`` and ``shard``."""
    pairs: list[PairStatus] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return asdict(self)


def dataset_status(workspace: Workspace) -> DatasetStatus:
    """Read the status of a folder.

    Raises:
        InvalidInput: the catalogue is missing or damaged.
    """
    return status_of(read_contents(workspace))


def read_contents(workspace: Workspace) -> Contents:
    """Read catalogue and state of a folder.

    Raises:
        InvalidInput: the catalogue is missing or damaged.
    """
    catalog = read_catalog(workspace.catalog_file)
    pairs = pairs_of(catalog)
    aligned, deep = workspace.state.stage_rows(ALIGN), workspace.state.stage_rows(DEPTH)
    settings = workspace.settings(AlignSettings)
    keys = {pair.pair_id: align_key(pair, settings) for pair in pairs}
    aligned = {key: row for key, row in aligned.items() if row.key == keys.get(key)}
    made_from = {
        pair.pair_id: photos_key(pair, row.key, row.outputs)
        for pair in pairs
        if (row := aligned.get(pair.pair_id))
    }
    return Contents(
        catalog=catalog,
        pairs=pairs,
        aligned=aligned,
        deep={key: row for key, row in deep.items() if row.upstream == made_from.get(key)},
        splits=workspace.state.splits(),
        sharded=read_sharded(workspace, pairs),
        limits=settings,
    )


def status_of(contents: Contents) -> DatasetStatus:
    """Status of a folder with these contents."""
    pairs, aligned, deep = contents.pairs, contents.aligned, contents.deep
    reached = [pair.pair_id for pair in pairs if _is_ok(aligned.get(pair.pair_id))]
    ended = [_pair(pair, contents) for pair in pairs]
    return DatasetStatus(
        files=len({(row.folder, row.name) for row in contents.catalog}),
        captures_set_aside=sum(row.reason is not None for row in contents.catalog),
        stages=[
            _count(ALIGN.name, [pair.pair_id for pair in pairs], aligned),
            _count(DEPTH.name, reached, deep),
            _count_shards(ended, contents),
        ],
        pairs=ended,
    )


def _count(stage: str, pair_ids: list[str], rows: Mapping[str, StageRow[Any]]) -> StageStatus:
    counts = StageStatus(stage=stage)
    for pair_id in pair_ids:
        row = rows.get(pair_id)
        counts.left += row is None
        counts.done += row is not None and row.status is Status.OK
        counts.rejected += row is not None and row.status is Status.REJECTED
        counts.failed += row is not None and row.status is Status.ERROR
    return counts


def _count_shards(pairs: list[PairStatus], contents: Contents) -> StageStatus:
    """Counts of the finished pairs; outdated shards are left, also while their pairs are being made again."""
    finished = [pair for pair in pairs if _is_ok(contents.deep.get(pair.pair_id))]
    if not contents.sharded.is_current:
        return StageStatus(
            stage=SHARD, left=len({pair.pair_id for pair in finished} | contents.sharded.splits.keys())
        )
    done = sum(bool(pair.split) for pair in finished)
    rejected = sum(pair.status is Status.REJECTED for pair in finished)
    return StageStatus(stage=SHARD, done=done, rejected=rejected, left=len(finished) - done - rejected)


def _pair(pair: Pair, contents: Contents) -> PairStatus:
    row: StageRow[Any] | None = contents.aligned.get(pair.pair_id)
    stage = ALIGN.name
    aligned = contents.aligned.get(pair.pair_id)
    refusals = aligned.value.refusals(contents.limits) if aligned and aligned.value else []
    if _is_ok(row):
        row, stage = contents.deep.get(pair.pair_id), DEPTH.name
    status = PairStatus(
        pair_id=pair.pair_id,
        wide=pair.wide.name,
        shallow=pair.shallow.name,
        stage=stage,
        status=row.status if row else None,
        reason=row.reason if row else None,
        detail=row.detail if row else "",
        refused_for=tuple(dict.fromkeys(refusal.reason for refusal in refusals)),
        refused_detail=refusals[0].message if refusals else "",
    )
    if stage == DEPTH.name and _is_ok(row) and aligned and aligned.value:
        return _sharded(status, aligned.value, contents)
    return status


def _sharded(pair: PairStatus, aligned: StoredAlignment, contents: Contents) -> PairStatus:
    """The status of a finished pair, with its split or the reason why it is in no shard."""
    sharded = contents.sharded
    if split := sharded.splits.get(pair.pair_id, ""):
        return replace(pair, stage=SHARD, split=split)
    if not sharded.splits:
        return pair
    why = why_left_out(aligned, sharded.settings, contents.limits)
    if why is None and pair.pair_id in sharded.conflicts:
        why = Rejected(Reason.SPLIT_CONFLICT, "pairs shot with it are in two splits")
    if why is None:
        return pair
    return replace(pair, stage=SHARD, status=Status.REJECTED, reason=why.reason, detail=why.message)


def _is_ok(row: StageRow[Any] | None) -> bool:
    return row is not None and row.status is Status.OK
