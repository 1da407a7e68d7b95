"""Shard stage: write finished pairs as train, val and test Parquet files with index and dataset card."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ebb.assignment import assign_pairs, num_unread_photos
from ebb.dataset.card import CardContents, SplitSize, render_card
from ebb.dataset.catalog import Pair, pairs_of, read_catalog
from ebb.dataset.index import INDEX_NAME, DatasetIndex, index_text
from ebb.dataset.record import Record
from ebb.dataset.shards import ShardEntry, plan_shards, shard_name, write_shard
from ebb.dataset.splits import SPLITS, Split, across_splits
from ebb.dataset.staging import CARD_NAME, replacing
from ebb.errors import InvalidInput, Reason, Status
from ebb.files import atomic_file, read_regular, sha256_bytes, write_atomic
from ebb.hints import command
from ebb.names import counted, portable_name
from ebb.progress import watched
from ebb.quality.perceptual_hash import near_duplicates
from ebb.results import ALIGN, DEPTH
from ebb.runner.keys import align_key, photos_key
from ebb.settings import AlignSettings, ShardSettings
from ebb.sharded import SHARD, dataset_settings, why_left_out
from ebb.workspace import versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ebb.progress import Progress
    from ebb.results import DepthMap, StoredAlignment
    from ebb.state import StageRow
    from ebb.workspace import Workspace


class NothingReady(InvalidInput):
    """There is no pair to write."""


@dataclass(frozen=True)
class ReadyPair:
    """A pair with the data for its record."""

    pair: Pair
    aligned: StoredAlignment
    depth: DepthMap
    files: Mapping[str, str]
    """File name → SHA-256 of the files of the stages."""
    folder: Path
    near_duplicates: str = ""
    """Smallest scene of its group of near-duplicates."""
    refused_for: tuple[Reason, ...] = ()
    """Why the limits would reject an unchanged pair of a data set."""

    @property
    def num_bytes(self) -> int:
        """Size of its photos on disk.

        Raises:
            InvalidInput: a photo is missing.
        """
        return sum(_size(self, name) for name in self.files)


@dataclass(kw_only=True)
class ShardReport:
    """Summary of the shards."""

    folder: str
    splits: dict[str, int] = field(default_factory=dict)
    scenes: dict[str, int] = field(default_factory=dict)
    """Number of wide photos of each split."""
    num_shards: int = 0
    num_bytes: int = 0
    left_out: int = 0
    """Number of pairs of the catalogue that are in no shard."""
    near_duplicates_across_splits: list[list[str]] = field(default_factory=list)
    """pair_ids of each group of near-duplicates that is in more than one split."""
    num_unread: int = 0
    """Number of camera files that cannot be read: until they can, the splits of new pairs may change."""
    reasons: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """The same for ``--json``."""
        return {"stage": SHARD, **asdict(self), "reasons": dict(sorted(self.reasons.items()))}


def run(workspace: Workspace, settings: ShardSettings, progress: Progress) -> ShardReport:
    """Write all pairs that are aligned and have a depth map; earlier shards are replaced at the end.

    Raises:
        NothingReady: there is no pair to write.
        InvalidInput: the depth maps were made in different ways, or a photo is missing or damaged.
        OutputError: the shards cannot be written.
    """
    catalog = read_catalog(workspace.catalog_file)
    pairs = pairs_of(catalog)
    found = ready_pairs(workspace, pairs)
    limits = workspace.settings(AlignSettings)
    left_out = {
        item.pair.pair_id: reason.reason
        for item in found
        if (reason := why_left_out(item.aligned, settings, limits))
    }
    _check_any_left(workspace, left_out, len(found), settings)
    ready = [item for item in found if item.pair.pair_id not in left_out]
    assigned = assign_pairs(workspace, catalog, settings)
    splits = {item.pair.pair_id: assigned[item.pair.pair_id] for item in ready}
    workspace.save_settings(shard=settings)
    counts = _left_out(workspace, pairs, splits, left_out)
    across = _across(ready, splits)
    with replacing(workspace.shards) as folder:
        entries = _write_shards(folder, _plan(ready, splits, settings), progress)
        index = DatasetIndex(
            shards=entries,
            scenes=_num_scenes(ready, splits),
            settings=dataset_settings(workspace),
            counts=counts,
            software=versions(),
        )
        card = render_card(_card(index, ready, splits, len(across)))
        index = replace(index, card_sha256=write_atomic(folder / CARD_NAME, card.encode()))
        write_atomic(folder / INDEX_NAME, index_text(index).encode())
    return ShardReport(
        folder=str(workspace.shards),
        splits={split: index.num_pairs(split) for split in SPLITS},
        scenes={split: index.num_scenes(split) for split in SPLITS},
        num_shards=len(entries),
        num_bytes=sum(shard.num_bytes for shard in entries.values()),
        left_out=len(pairs) - sum(split is not None for split in splits.values()),
        near_duplicates_across_splits=across,
        num_unread=num_unread_photos(catalog),
        reasons=Counter({name: count for name, count in counts.items() if name != Status.OK}),
    )


def ready_pairs(workspace: Workspace, pairs: Sequence[Pair]) -> list[ReadyPair]:
    """Return the pairs whose photos and depth maps are up to date, in shooting order.

    Raises:
        NothingReady: there are none.
        InvalidInput: the depth maps were made in different ways.
    """
    aligned, deep = workspace.state.stage_rows(ALIGN), workspace.state.stage_rows(DEPTH)
    settings = workspace.settings(AlignSettings)
    ready = []
    for pair in pairs:
        rows = aligned.get(pair.pair_id), deep.get(pair.pair_id)
        if item := _ready_pair(workspace, pair, align_key(pair, settings), *rows):
            refusals = item.aligned.refusals(settings)
            ready.append(replace(item, refused_for=tuple(dict.fromkeys(one.reason for one in refusals))))
    if not ready:
        raise _nothing_ready(workspace, pairs)
    recipes = {item.depth.recipe for item in ready if item.pair.wide.origin == "camera"}
    if len(recipes) > 1:
        raise InvalidInput(
            f"depth maps were made in {len(recipes)} ways: {', '.join(sorted(recipes))}",
            path=workspace.root,
            hint=f"to make them alike: {command('depth', workspace.root)}",
        )
    hashes = {item.pair.scene: item.aligned.perceptual_hash for item in ready}
    groups = near_duplicates({scene: found for scene, found in hashes.items() if found})
    return [replace(item, near_duplicates=groups.get(item.pair.scene, "")) for item in ready]


def _check_any_left(
    workspace: Workspace, left_out: Mapping[str, Reason], num_ready: int, settings: ShardSettings
) -> None:
    """Refuse settings that leave out all pairs.

    Raises:
        NothingReady: they do.
    """
    if len(left_out) < num_ready:
        return
    if num_refused := sum(reason is not Reason.LOW_QUALITY for reason in left_out.values()):
        what = f"no pair is left: the limits refuse {num_refused} of {num_ready}"
        raise NothingReady(what, path=workspace.root, hint="leave out --refuse, or import with --realign")
    what = f"no pair has a quality of {settings.min_quality:g}"
    raise NothingReady(what, path=workspace.root, hint="lower --min-quality")


def _ready_pair(
    workspace: Workspace,
    pair: Pair,
    key: str,
    aligned: StageRow[StoredAlignment] | None,
    depth: StageRow[DepthMap] | None,
) -> ReadyPair | None:
    """Return the pair if its photos have this key and its depth map was made from them."""
    if aligned is None or aligned.value is None or aligned.key != key:
        return None
    if depth is None or depth.value is None or depth.upstream != photos_key(pair, key, aligned.outputs):
        return None
    files = {**aligned.outputs, **depth.outputs}
    return ReadyPair(pair, aligned.value, depth.value, files, workspace.pair(pair.pair_id))


def _nothing_ready(workspace: Workspace, pairs: Sequence[Pair]) -> NothingReady:
    if not pairs:
        return NothingReady(
            "no two files make a pair",
            path=workspace.catalog_file,
            hint=f"to see why a file is in none: {command('ingest RAW_DIR --explain FILE', workspace.root)}",
        )
    return NothingReady(
        f"of {counted(len(pairs), 'pair')}, none is aligned and has its depth map",
        path=workspace.root,
        hint=f"see: {command('status --pairs', workspace.root)}",
    )


def _plan(
    ready: Sequence[ReadyPair], splits: dict[str, Split | None], settings: ShardSettings
) -> dict[str, list[ReadyPair]]:
    """Return the pairs of each shard by its name."""
    plan = {}
    for split in SPLITS:
        members = [item for item in ready if splits[item.pair.pair_id] == split]
        spans = plan_shards([item.num_bytes for item in members], settings.shard_size * 1e6)
        for number, span in enumerate(spans):
            plan[shard_name(split, number, len(spans))] = [members[i] for i in span]
    return plan


def _write_shards(
    folder: Path, plan: dict[str, list[ReadyPair]], progress: Progress
) -> dict[str, ShardEntry]:
    software = ", ".join(f"{name} {version}" for name, version in versions().items())
    entries = {}
    with watched(progress, SHARD, sum(map(len, plan.values()))):
        for name, members in plan.items():
            with atomic_file(folder / name) as file:
                entries[name] = write_shard(file, _records(members, software, progress))
    return entries


def _records(members: Sequence[ReadyPair], software: str, progress: Progress) -> Iterator[Record]:
    for item in members:
        yield _record(item, software)
        progress.advance(item.pair.pair_id, Status.OK, None, "")


def _record(item: ReadyPair, software: str) -> Record:
    wide, shallow = item.pair.wide, item.pair.shallow
    images = {name: _read_checked(item, name) for name in item.files}
    return Record(
        **item.aligned.record_fields(),
        pair_id=item.pair.pair_id,
        scene=item.pair.scene,
        wide=images["wide.png"],
        shallow=images["shallow.png"],
        depth=images.get("depth.png"),
        depth_float16=images.get("depth.npy"),
        depth_min=item.depth.depth_min,
        depth_max=item.depth.depth_max,
        f_number_wide=wide.f_number,
        f_number_shallow=shallow.f_number,
        focal_length_mm=wide.focal_length_mm,
        exposure_time_s_wide=wide.exposure_time_s,
        exposure_time_s_shallow=shallow.exposure_time_s,
        iso_wide=wide.iso,
        iso_shallow=shallow.iso,
        camera=wide.camera,
        lens=wide.lens,
        captured_at_wide=wide.captured_at,
        captured_at_shallow=shallow.captured_at,
        refused_for=",".join(item.refused_for),
        near_duplicates=item.near_duplicates,
        depth_provider=item.depth.provider,
        source_wide=portable_name(wide.name.rpartition("/")[2]),
        source_shallow=portable_name(shallow.name.rpartition("/")[2]),
        source_wide_sha256=wide.sha256,
        source_shallow_sha256=shallow.sha256,
        software=software,
    )


def _size(item: ReadyPair, name: str) -> int:
    try:
        return (item.folder / name).stat().st_size
    except OSError as error:
        raise _spoilt(item, name, "a photo of a finished pair is gone", "run") from error


def _read_checked(item: ReadyPair, name: str) -> bytes:
    """Read a photo of the pair and check its hash."""
    try:
        data = read_regular(item.folder / name)
    except OSError as error:
        raise _spoilt(item, name, f"cannot be read: {error.strerror}") from error
    if sha256_bytes(data) != item.files[name]:
        raise _spoilt(item, name, "not the file that was written")
    return data


def _spoilt(
    item: ReadyPair, name: str, what: str, begin: str = "remove the pair's folder and run"
) -> InvalidInput:
    is_given = item.pair.wide.origin != "camera"
    align, depth = (command(stage, item.folder.parents[1]) for stage in (ALIGN.name, DEPTH.name))
    again = "ebb import again: it makes" if is_given else f"{align} and {depth}: they make"
    return InvalidInput(what, path=item.folder / name, hint=f"{begin} {again} it again")


def _left_out(
    workspace: Workspace, pairs: Sequence[Pair], splits: dict[str, Split | None], ready: Mapping[str, Reason]
) -> dict[str, int]:
    """Count the pairs by ``ok``, reason, or ``left``; ``ready`` says why ready pairs are left out."""
    rows: list[Mapping[str, StageRow[Any]]] = [
        workspace.state.stage_rows(ALIGN),
        workspace.state.stage_rows(DEPTH),
    ]
    counts: Counter[str] = Counter()
    for pair in pairs:
        if pair.pair_id in splits:
            counts[Status.OK if splits[pair.pair_id] else Reason.SPLIT_CONFLICT] += 1
            continue
        if pair.pair_id in ready:
            counts[ready[pair.pair_id]] += 1
            continue
        reasons = [row.reason for stage in rows if (row := stage.get(pair.pair_id)) and row.reason]
        counts[reasons[0] if reasons else "left"] += 1
    return {str(name): count for name, count in sorted(counts.items())}


def _across(ready: Sequence[ReadyPair], splits: dict[str, Split | None]) -> list[list[str]]:
    groups = {item.pair.pair_id: item.near_duplicates for item in ready if item.near_duplicates}
    return across_splits(splits, groups)


def _num_scenes(ready: Sequence[ReadyPair], splits: Mapping[str, Split | None]) -> dict[str, int]:
    """Return the number of scenes of each split."""
    scenes = {item.pair.scene: splits[item.pair.pair_id] for item in ready if splits[item.pair.pair_id]}
    return {split: list(scenes.values()).count(split) for split in SPLITS}


def _card(
    index: DatasetIndex, ready: Sequence[ReadyPair], splits: dict[str, Split | None], num_across: int
) -> CardContents:
    members = [item for item in ready if splits[item.pair.pair_id]]
    reasons = {str(reason) for reason in Reason}
    return CardContents(
        splits={
            split: SplitSize(
                num_scenes=index.num_scenes(split),
                num_pairs=index.num_pairs(split),
                num_shards=len(index.names(split)),
                num_bytes=sum(index.shards[name].num_bytes for name in index.names(split)),
            )
            for split in SPLITS
        },
        cameras=Counter(item.pair.wide.camera or "unknown" for item in members),
        rejects={Reason(name): count for name, count in index.counts.items() if name in reasons},
        depth_providers=Counter(item.depth.provider for item in members),
        settings=index.settings,
        software=index.software,
        num_imported=sum(item.pair.is_imported for item in members),
        num_realigned=sum(item.pair.wide.origin == "realign" for item in members),
        num_across_splits=num_across,
    )
