"""The page of a dataset folder: results of all pairs, measurements with their limits, and photos."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebb.dataset.splits import SPLITS
from ebb.documents import read_toml
from ebb.errors import Status
from ebb.files import write_atomic
from ebb.hints import command
from ebb.measurements import DRAWN, LISTED, QUALITY
from ebb.names import counted
from ebb.pages.cells import number_cell
from ebb.pages.data_uri import data_uri
from ebb.pages.page import address, file_links, render_page
from ebb.report.histograms import draw_histogram
from ebb.report.quality_cut import quality_cut
from ebb.report.refused import PreviewJob, read_previews
from ebb.report.status import read_contents, status_of
from ebb.report.stored import NAMES, stored_photos
from ebb.settings import AlignSettings, canonical_json
from ebb.sharded import SHARD

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ebb.dataset.catalog import CatalogRow, Pair
    from ebb.report.refused import Preview
    from ebb.report.status import DatasetStatus, PairStatus
    from ebb.workspace import Workspace

NUM_DOUBTFUL, NUM_OTHERS, NUM_REFUSED = 6, 12, 12
"""Numbers of pairs shown with photos: accepted pairs closest to a limit, other accepted pairs, and rejected
or failed pairs, the latter two evenly spaced in order of capture."""

FILES = (
    "contact_sheet.png",
    "refused.csv",
    "shards/README.md",
    "shards/DATASET.json",
    "captures.parquet",
    "ebb.toml",
)
"""Files of the folder that the page links to."""

LONGER_SIDE, THUMBNAIL_SIDE = 640, 240
"""Longer side of the photos on the page, and of those in order of quality, in pixels."""


@dataclass(frozen=True, kw_only=True)
class MeasuredPair:
    """A pair with its measurements."""

    status: PairStatus
    measured: Mapping[str, float] = field(default_factory=dict)
    """Name of a measurement in the report → value as shown."""

    @property
    def is_refused(self) -> bool:
        """Whether it was rejected or failed; pairs that only the shards leave out are not refused."""
        return self.status.status in (Status.REJECTED, Status.ERROR) and self.status.stage != SHARD

    @property
    def is_done(self) -> bool:
        """Whether it is aligned and has its depth map."""
        return not self.is_refused and self.status.status is not None

    @property
    def is_beyond(self) -> bool:
        """Whether it was refused, or would have been if it had not been imported unchanged."""
        return self.is_refused or bool(self.status.refused_for)


def write_dataset_page(workspace: Workspace) -> Path:
    """Write ``report.html``; equal folders give equal bytes.

    Raises:
        InvalidInput: the catalogue is missing or damaged.
        OutputError: the page cannot be written.
    """
    contents = read_contents(workspace)
    status = status_of(contents)
    measured = {
        pair_id: _seen(row.value.measurements if row.value else row.measurements)
        for pair_id, row in contents.aligned.items()
    }
    pairs = [MeasuredPair(status=pair, measured=measured.get(pair.pair_id, {})) for pair in status.pairs]
    settings = workspace.settings(AlignSettings)
    place = Path(workspace.root.name)  # not the whole path: the page does not depend on where the folder is
    page = render_page(
        "ebb.report",
        "dataset.html.jinja",
        title=f"{workspace.root.name}: data set",
        about=_about(status),
        files=file_links(workspace.root, FILES),
        stages=[(s.stage, s.done, s.rejected, s.failed, s.left) for s in status.stages],
        set_aside=_reasons(row.reason for row in contents.catalog),
        aside_files=[_aside(row) for row in contents.catalog if row.reason is not None],
        cameras=_cameras(contents.pairs),
        histograms=_histograms(pairs, settings),
        settings=_settings(workspace),
        align_command=command("align --debug PAIR_ID", place),
        refuse_command=command("shard --refuse", place),
        quality_command=f"{command('shard', place)} --min-quality",
        **_pair_parts(workspace, contents.pairs, pairs, settings),
    )
    write_atomic(workspace.report, page.encode())
    return workspace.report


def _pair_parts(
    workspace: Workspace, catalog: Sequence[Pair], pairs: list[MeasuredPair], settings: AlignSettings
) -> dict[str, Any]:
    """Parts of the page about single pairs: photos of some, and the table of all."""
    beyond = [pair for pair in pairs if pair.is_beyond and not pair.is_refused]
    done = [pair for pair in pairs if pair.is_done and not pair.is_beyond]
    refused = [pair for pair in pairs if pair.is_refused]
    doubtful = most_doubtful(done, settings)
    others = _evenly([pair for pair in done if pair not in doubtful], NUM_OTHERS)
    some_refused, some_beyond = _evenly(refused, NUM_REFUSED), _evenly(beyond, NUM_REFUSED)
    shown = {pair.status.pair_id for pair in (*doubtful, *others, *some_refused, *some_beyond)}
    return {
        "beyond": _reasons(pair.status.refused_for[0] for pair in beyond),
        "num_beyond": len(beyond),
        "beyond_cases": [_case(workspace, pair, _verdict(pair.status)) for pair in some_beyond],
        "refused": _reasons(pair.status.reason for pair in refused),
        "num_refused": len(refused),
        "refused_cases": _refused_cases(workspace, catalog, some_refused, settings),
        "quality": _quality(workspace, [*done, *beyond]),
        "doubtful": [_case(workspace, pair, _room(pair, settings)[1]) for pair in doubtful],
        "others": [_case(workspace, pair, pair.status.split) for pair in others],
        "heads": ["pair", "wide", "shallow", "in", "status", *(row.label for row in LISTED)],
        "rows": [_row(workspace, pair, shown) for pair in pairs],
    }


def _quality(workspace: Workspace, done: Sequence[MeasuredPair]) -> dict[str, Any] | None:
    """The accepted pairs by quality, with photos of some."""
    cut = quality_cut([pair.measured.get(QUALITY, math.nan) for pair in done])
    if cut is None:
        return None
    shown = [_thumbnails(workspace, done[index]) for index in cut.shown]
    return {"kept": cut.as_json, "count": cut.kept[0], "shown": shown}


def _thumbnails(workspace: Workspace, pair: MeasuredPair) -> dict[str, Any]:
    photos, _ = stored_photos(workspace.pair(pair.status.pair_id))
    return {
        "pair_id": pair.status.pair_id,
        "quality": round(pair.measured[QUALITY], 3),
        "pictures": {
            name: data_uri(photo, THUMBNAIL_SIDE) for name, photo in photos.items() if name != "depth"
        },
    }


def most_doubtful(pairs: Sequence[MeasuredPair], settings: AlignSettings) -> list[MeasuredPair]:
    """The pairs closest to a limit, the closest first."""
    return sorted(pairs, key=lambda pair: _room(pair, settings)[0])[:NUM_DOUBTFUL]


def _room(pair: MeasuredPair, settings: AlignSettings) -> tuple[float, str]:
    """Smallest distance of a pair's measurements from their limits, and its description."""
    rooms = [
        (limit.room(value), f"{row.label}: {value:.3g}, {limit}")
        for row in DRAWN
        if (limit := row.limit(settings)) and (value := pair.measured.get(row.name)) is not None
    ]
    return min(rooms, default=(math.inf, ""))


def _evenly(pairs: list[MeasuredPair], most: int) -> list[MeasuredPair]:
    return pairs[:: max(1, -(-len(pairs) // most))]


def _seen(kept: Mapping[str, float]) -> dict[str, float]:
    """Values of the report, from all values that a stage stores."""
    seen = {row.name: row.seen(kept) for row in DRAWN if row.name in kept}
    return {name: value for name, value in seen.items() if math.isfinite(value)}


def _about(status: DatasetStatus) -> str:
    splits = Counter(pair.split for pair in status.pairs)
    files, pairs = counted(status.files, "file"), counted(len(status.pairs), "pair")
    parts = [files, f"{status.captures_set_aside} not used", pairs]
    return ", ".join(parts + [f"{splits[split]} {split}" for split in SPLITS if splits[split]])


def _reasons(reasons: Iterable[Any]) -> list[tuple[str, str, int]]:
    """Reason, advice and number of occurrences, the most frequent first."""
    counts = Counter(reason for reason in reasons if reason is not None)
    return [(str(reason), reason.advice, count) for reason, count in counts.most_common()]


def _cameras(pairs: Iterable[Pair]) -> list[tuple[str, str, int]]:
    """Camera, lens and number of pairs, the most frequent first."""
    counts = Counter((pair.wide.camera, pair.wide.lens) for pair in pairs)
    return [(camera or "unknown", lens, count) for (camera, lens), count in counts.most_common()]


def _histograms(pairs: Sequence[MeasuredPair], settings: AlignSettings) -> list[Any]:
    drawn = []
    for row in DRAWN:
        accepted, refused = (
            [
                pair.measured[row.name]
                for pair in pairs
                if pair.is_beyond is side and row.name in pair.measured
            ]
            for side in (False, True)
        )
        drawn.append(draw_histogram(row.label, accepted, refused, row.limit(settings)))
    return [histogram for histogram in drawn if histogram]


def _case(workspace: Workspace, pair: MeasuredPair, caption: str) -> dict[str, Any]:
    photos, damaged = stored_photos(workspace.pair(pair.status.pair_id))
    text = f"{pair.status.wide} + {pair.status.shallow}  {caption}"
    return {
        "pair_id": pair.status.pair_id,
        "caption": f"{text}  damaged: {', '.join(damaged)}" if damaged else text,
        "pictures": {name: data_uri(photo, LONGER_SIDE) for name, photo in photos.items()},
        "links": _links(workspace, pair.status.pair_id),
    }


def _refused_cases(
    workspace: Workspace, catalog: Sequence[Pair], refused: Sequence[MeasuredPair], settings: AlignSettings
) -> list[dict[str, Any]]:
    """Rejected and failed pairs with their original photos, or without if files cannot be opened."""
    pairs = {pair.pair_id: pair for pair in catalog if not pair.is_imported}
    wanted = [pairs[pair.status.pair_id] for pair in refused if pair.status.pair_id in pairs]
    previews = read_previews([PreviewJob(pair, settings, LONGER_SIDE) for pair in wanted])
    return [_refused_case(workspace, pair.status, previews.get(pair.status.pair_id)) for pair in refused]


def _refused_case(workspace: Workspace, status: PairStatus, preview: Preview | None) -> dict[str, Any]:
    photos = {"wide": preview.wide, "shallow": preview.shallow} if preview else {}
    missing = "" if preview else "  (its files are missing or cannot be opened)"
    return {
        "pair_id": status.pair_id,
        "caption": f"{status.wide} + {status.shallow}  {status.reason}: {status.detail}{missing}",
        "pictures": {name: data_uri(photo, LONGER_SIDE) for name, photo in photos.items()},
        "links": _links(workspace, status.pair_id),
    }


def _links(workspace: Workspace, pair_id: str) -> list[tuple[str, str]]:
    """Links to the existing files of a pair: text, address."""
    folder = workspace.pair(pair_id)
    files = {name: folder / f"{name}.png" for name in NAMES} | {"alignment": workspace.debug_picture(pair_id)}
    return [(name, address(path, workspace.root)) for name, path in files.items() if path.exists()]


def _aside(row: CatalogRow) -> dict[str, Any]:
    """Row of the table of files that are not used."""
    texts = [row.name, str(row.reason), row.detail]
    return {"failed": row.status is Status.ERROR, "address": "", "texts": texts, "numbers": []}


def _row(workspace: Workspace, pair: MeasuredPair, shown: Collection[str]) -> dict[str, Any]:
    """Row of the table of pairs; its id links to the photos on the page, or to the stored photo."""
    status = pair.status
    links = [target for _, target in _links(workspace, status.pair_id)]
    return {
        "failed": pair.is_beyond,
        "address": f"#pair-{status.pair_id}" if status.pair_id in shown else next(iter(links), ""),
        "texts": [
            status.pair_id,
            status.wide,
            status.shallow,
            status.split or status.stage,
            _verdict(status),
        ],
        "numbers": [number_cell(pair.measured.get(row.name), ".3g") for row in LISTED],
    }


def _verdict(status: PairStatus) -> str:
    """Status of a pair, with its reason."""
    if status.refused_for:
        reasons = ", ".join(status.refused_for)
        return f"{status.status}, refused by the limits: {reasons}: {status.refused_detail}"
    return f"{status.reason}: {status.detail}" if status.reason else str(status.status or "left")


def _settings(workspace: Workspace) -> dict[str, str]:
    """All settings of the folder, and versions."""
    file = workspace.settings_file
    stored = read_toml(file, "settings") if file.exists() else {}
    return {
        f"{section}.{name}": canonical_json(value) if isinstance(value, bool | int | float) else str(value)
        for section, values in sorted(stored.items())
        if isinstance(values, dict)
        for name, value in sorted(values.items())
    }
