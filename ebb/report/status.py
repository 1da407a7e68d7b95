"""Status of a dataset folder, stage by stage and pair by pair."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ebb.dataset.catalog import Pair, pairs_of, read_catalog
from ebb.errors import Reason, Status
from ebb.results import ALIGN, DEPTH
from ebb.runner.keys import align_key, photos_key
from ebb.settings import AlignSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb.dataset.catalog import CatalogRow
    from ebb.results import DepthMap, StoredAlignment
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
    """The last stage with a result; ``shard`` if the pair is in a shard."""
    status: Status | None
    """Status of this stage; ``None`` if it is not done."""
    reason: Reason | None = None
    detail: str = ""
    split: str = ""
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
        limits=settings,
    )


def status_of(contents: Contents) -> DatasetStatus:
    """Status of a folder with these contents."""
    pairs, aligned, deep = contents.pairs, contents.aligned, contents.deep
    reached = [pair.pair_id for pair in pairs if _is_ok(aligned.get(pair.pair_id))]
    return DatasetStatus(
        files=len({(row.folder, row.name) for row in contents.catalog}),
        captures_set_aside=sum(row.reason is not None for row in contents.catalog),
        stages=[
            _count(ALIGN.name, [pair.pair_id for pair in pairs], aligned),
            _count(DEPTH.name, reached, deep),
        ],
        pairs=[_pair(pair, contents) for pair in pairs],
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


def _pair(pair: Pair, contents: Contents) -> PairStatus:
    row: StageRow[Any] | None = contents.aligned.get(pair.pair_id)
    stage = ALIGN.name
    aligned = contents.aligned.get(pair.pair_id)
    refusals = aligned.value.refusals(contents.limits) if aligned and aligned.value else []
    if _is_ok(row):
        row, stage = contents.deep.get(pair.pair_id), DEPTH.name
    return PairStatus(
        pair_id=pair.pair_id,
        wide=pair.wide.name,
        shallow=pair.shallow.name,
        stage=stage,
        status=row.status if row else None,
        reason=row.reason if row else None,
        detail=row.detail if row else "",
        split=contents.splits.get(pair.pair_id, "") if _is_ok(row) else "",
        refused_for=tuple(dict.fromkeys(refusal.reason for refusal in refusals)),
        refused_detail=refusals[0].message if refusals else "",
    )


def _is_ok(row: StageRow[Any] | None) -> bool:
    return row is not None and row.status is Status.OK
