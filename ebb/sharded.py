"""The shards of a dataset folder as they are on disk, and why a finished pair is in none of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from ebb.dataset.collection import stored_splits
from ebb.dataset.index import read_index
from ebb.dataset.splits import PairTime, assign_splits, scene_key
from ebb.errors import InvalidInput, Reason, Rejected, UsageError
from ebb.measurements import QUALITY
from ebb.model_files import model_name
from ebb.results import ALIGN, DEPTH
from ebb.runner.keys import depth_recipe
from ebb.settings import (
    AlignSettings,
    DepthSettings,
    IngestSettings,
    ShardSettings,
    as_dict,
    canonical_json,
    from_values,
    section_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ebb.dataset.catalog import Pair
    from ebb.dataset.splits import Split
    from ebb.results import StoredAlignment
    from ebb.workspace import Workspace

SHARD = "shard"
"""Name of the stage that writes the shards."""


@dataclass(frozen=True, kw_only=True)
class Sharded:
    """The shards of a dataset folder."""

    splits: Mapping[str, Split] = field(default_factory=dict)
    """pair_id → split of the pairs in the shards; empty if there are none."""
    settings: ShardSettings = field(default_factory=ShardSettings)
    """Settings of these shards."""
    is_current: bool = False
    """Whether they were made with the folder's settings of alignment and depth."""
    conflicts: frozenset[str] = frozenset()
    """Pairs that get no split, since their session or scene has two."""


def read_sharded(workspace: Workspace, pairs: Sequence[Pair]) -> Sharded:
    """Read the shards of a folder; shards that are unfinished or damaged count as absent.

    Args:
        workspace: The dataset folder.
        pairs: All pairs of its catalogue.
    """
    try:
        stored = read_index(workspace.shards).settings
        settings = from_values(ShardSettings, stored[SHARD])
        is_current = _content(stored) == _content(dataset_settings(workspace))
    except (InvalidInput, UsageError, KeyError):
        return Sharded()
    conflicts: frozenset[str] = frozenset()
    with suppress(UsageError):  # the shards of more pairs than there are now
        times = [pair_time(pair) for pair in pairs]
        assigned = assign_splits(times, known_splits(workspace), settings)
        conflicts = frozenset(pair_id for pair_id, split in assigned.items() if split is None)
    stored_of = stored_splits(workspace.shards)
    splits = {pair.pair_id: stored_of[pair.pair_id] for pair in pairs if pair.pair_id in stored_of}
    return Sharded(splits=splits, settings=settings, is_current=is_current, conflicts=conflicts)


def known_splits(workspace: Workspace) -> dict[str, Split]:
    """Splits of earlier runs, by pair_id and by scene; from the shards if the state was lost."""
    return cast("dict[str, Split]", workspace.state.splits()) or stored_splits(workspace.shards)


def _content(sections: Mapping[str, Mapping[str, Any]]) -> tuple[str, str, str]:
    """The settings that photos and depth maps depend on."""
    depth = sections[DEPTH.name]
    recipe = depth_recipe(from_values(DepthSettings, dict(depth)))
    return canonical_json(sections[ALIGN.name]), recipe, depth["model"]


def dataset_settings(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Settings of all stages of a data set by section, without paths of this machine."""
    kinds = (IngestSettings, AlignSettings, DepthSettings, ShardSettings)
    sections = {section_of(kind): as_dict(workspace.settings(kind)) for kind in kinds}
    for section in sections.values():
        section.pop("pairs", None)
        section.pop("weights", None)
    depth = sections[DEPTH.name]
    if depth["model"]:
        depth["model"] = model_name(depth["model"])
    return sections


def pair_time(pair: Pair) -> PairTime:
    """Time, camera and scene of a pair; a wide photo that a data set has in two splits is two scenes."""
    wide = pair.wide
    scene = scene_key(pair.scene if pair.is_imported else wide.sha256) if wide.sha256 else ""
    return PairTime(pair.pair_id, f"{wide.camera} {wide.serial}", wide.captured_at, scene)


def why_left_out(aligned: StoredAlignment, settings: ShardSettings, limits: AlignSettings) -> Rejected | None:
    """Why the settings of the shards leave out a finished pair; ``None``: they do not.

    An unknown quality passes only without a limit.

    Args:
        aligned: Result of its alignment.
        settings: Settings of the shards.
        limits: What the measurements of imported pairs are held against.
    """
    refusals = aligned.refusals(limits) if settings.refuse else []
    if refusals:
        return refusals[0]
    quality = aligned.measurements.get(QUALITY, 0.0)
    if quality < settings.min_quality:
        what = f"quality rank {quality:.3g}, less than --min-quality {settings.min_quality:g}"
        return Rejected(Reason.LOW_QUALITY, what)
    return None
