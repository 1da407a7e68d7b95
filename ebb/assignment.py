"""The splits of a dataset folder: assigned to all pairs of its catalogue and kept in its state."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, cast

from ebb.dataset.catalog import pairs_of
from ebb.dataset.collection import stored_splits
from ebb.dataset.splits import Split, assign_splits, scene_splits, splits_to_keep
from ebb.depthmap.sidecar import is_depth_file
from ebb.errors import Status
from ebb.sharded import pair_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ebb.dataset.catalog import CatalogRow
    from ebb.settings import ShardSettings
    from ebb.workspace import Workspace


def assign_pairs(
    workspace: Workspace, catalog: Sequence[CatalogRow], settings: ShardSettings
) -> dict[str, Split | None]:
    """Assign and store the splits of all pairs; while a camera file cannot be read, new ones are provisional.

    Splits of a lost state are taken from the shards.

    Args:
        workspace: The dataset folder.
        catalog: Its catalogue.
        settings: Targets and session gap.

    Returns:
        pair_id → split; ``None``: the pair must stay out, as its session or scene has two splits.

    Raises:
        UsageError: the targets exceed the number of pairs.
        OutputError: the state cannot be written.
    """
    final = cast("dict[str, Split]", workspace.state.final_splits())
    provisional = cast("dict[str, Split]", workspace.state.provisional_splits())
    if not final and not provisional:
        final = stored_splits(workspace.shards)
    times = [pair_time(pair) for pair in pairs_of(catalog)]
    num_unread = num_unread_photos(catalog)
    known = splits_to_keep((time.pair_id for time in times), final, provisional, num_unread=num_unread)
    splits = assign_splits(times, known, settings)
    assigned = {pair_id: split for pair_id, split in splits.items() if split is not None}
    assigned |= scene_splits(times, splits)
    if num_unread:
        workspace.state.put_splits(final, provisional=assigned)
    else:
        workspace.state.put_splits(assigned, provisional={})
    return splits


def num_unread_photos(catalog: Iterable[CatalogRow]) -> int:
    """Number of camera files that cannot be read; pairs of theirs are not in the catalogue."""
    failed = (row for row in catalog if row.status is Status.ERROR and row.origin == "camera")
    return sum(not is_depth_file(PurePosixPath(row.name)) for row in failed)
