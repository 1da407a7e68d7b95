"""The page of a dataset folder: every pair's result, measurements and their limits, photos to compare."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ebb.dataset.splits import SPLITS
from ebb.documents import read_toml
from ebb.errors import Status
from ebb.files import write_atomic
from ebb.measurements import DRAWN, LISTED
from ebb.names import counted
from ebb.pages.cells import number_cell
from ebb.pages.data_uri import data_uri
from ebb.pages.page import render_page
from ebb.report.histograms import draw_histogram
from ebb.report.status import read_contents, status_of
from ebb.report.stored import stored_photos
from ebb.settings import AlignSettings, canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ebb.dataset.catalog import Pair
    from ebb.report.status import DatasetStatus, PairStatus
    from ebb.workspace import Workspace

NUM_DOUBTFUL, NUM_OTHERS = 6, 12
"""Pairs shown with photos: those nearest to a limit, and others evenly chosen in shooting order."""

LONGER_SIDE = 640
"""Of the photos on the page, in pixels."""


@dataclass(frozen=True, kw_only=True)
class PairFacts:
    """One pair with what was measured on it."""

    status: PairStatus
    measured: Mapping[str, float] = field(default_factory=dict)
    """What is drawn and known: name of the measurement → value as the report shows it."""

    @property
    def is_refused(self) -> bool:
        """Whether it was rejected or failed."""
        return self.status.status in (Status.REJECTED, Status.ERROR)


def write_dataset_page(workspace: Workspace) -> Path:
    """Write ``report.html``; equal folders give equal bytes.

    Raises:
        InvalidInput: no catalogue, or a broken one.
        OutputError: it cannot be written.
    """
    contents = read_contents(workspace)
    status = status_of(contents)
    known = {
        pair_id: _seen(row.value.measurements if row.value else row.measurements)
        for pair_id, row in contents.aligned.items()
    }
    pairs = [PairFacts(status=pair, measured=known.get(pair.pair_id, {})) for pair in status.pairs]
    settings = workspace.settings(AlignSettings)
    done = [pair for pair in pairs if pair.status.status is Status.OK]
    doubtful = most_doubtful(done, settings)
    page = render_page(
        "ebb.report",
        "dataset.html.jinja",
        title=f"{workspace.root.name}: data set",
        about=_about(status),
        stages=[(s.stage, s.done, s.rejected, s.failed, s.left) for s in status.stages],
        refused=_reasons(pair.status.reason for pair in pairs if pair.is_refused),
        set_aside=_reasons(row.reason for row in contents.catalog),
        cameras=_cameras(contents.pairs),
        histograms=_histograms(pairs, settings),
        doubtful=[_case(workspace, pair, _room(pair, settings)[1]) for pair in doubtful],
        others=[_case(workspace, pair, pair.status.split) for pair in _others(done, doubtful)],
        heads=["pair", "wide", "shallow", "in", "status", *(row.label for row in LISTED)],
        rows=[_row(pair) for pair in pairs],
        settings=_settings(workspace),
    )
    write_atomic(workspace.report, page.encode())
    return workspace.report


def most_doubtful(pairs: Sequence[PairFacts], settings: AlignSettings) -> list[PairFacts]:
    """The pairs with the least room to a limit, the nearest first."""
    return sorted(pairs, key=lambda pair: _room(pair, settings)[0])[:NUM_DOUBTFUL]


def _room(pair: PairFacts, settings: AlignSettings) -> tuple[float, str]:
    """Least room of a pair's measurements to their limits, and how to say it."""
    rooms = [
        (limit.room(value), f"{row.label}: {value:.3g}, {limit}")
        for row in DRAWN
        if (limit := row.limit(settings)) and (value := pair.measured.get(row.name)) is not None
    ]
    return min(rooms, default=(math.inf, ""))


def _others(pairs: Sequence[PairFacts], shown: Sequence[PairFacts]) -> list[PairFacts]:
    left = [pair for pair in pairs if pair not in shown]
    return left[:: max(1, -(-len(left) // NUM_OTHERS))]


def _seen(kept: Mapping[str, float]) -> dict[str, float]:
    """What the report shows, out of all that a stage keeps."""
    seen = {row.name: row.seen(kept) for row in DRAWN if row.name in kept}
    return {name: value for name, value in seen.items() if math.isfinite(value)}


def _about(status: DatasetStatus) -> str:
    splits = Counter(pair.split for pair in status.pairs)
    files, pairs = counted(status.files, "file"), counted(len(status.pairs), "pair")
    parts = [files, f"{status.captures_set_aside} set aside", pairs]
    return ", ".join(parts + [f"{splits[split]} {split}" for split in SPLITS if splits[split]])


def _reasons(reasons: Iterable[Any]) -> list[tuple[str, int, str]]:
    """Reason, how often, what to do about it; the most frequent first."""
    counts = Counter(reason for reason in reasons if reason is not None)
    return [(str(reason), count, reason.advice) for reason, count in counts.most_common()]


def _cameras(pairs: Iterable[Pair]) -> list[tuple[str, str, int]]:
    """Camera, lens and pairs, the most frequent first."""
    counts = Counter((pair.wide.camera, pair.wide.lens) for pair in pairs)
    return [(camera or "unknown", lens, count) for (camera, lens), count in counts.most_common()]


def _histograms(pairs: Sequence[PairFacts], settings: AlignSettings) -> list[Any]:
    drawn = []
    for row in DRAWN:
        accepted, refused = (
            [
                pair.measured[row.name]
                for pair in pairs
                if pair.is_refused is side and row.name in pair.measured
            ]
            for side in (False, True)
        )
        drawn.append(draw_histogram(row.label, accepted, refused, row.limit(settings)))
    return [histogram for histogram in drawn if histogram]


def _case(workspace: Workspace, pair: PairFacts, caption: str) -> dict[str, Any]:
    photos, damaged = stored_photos(workspace.pair(pair.status.pair_id))
    told = f"{pair.status.wide} + {pair.status.shallow}  {caption}"
    return {
        "pair_id": pair.status.pair_id,
        "caption": f"{told}  damaged: {', '.join(damaged)}" if damaged else told,
        "pictures": {name: data_uri(photo, LONGER_SIDE) for name, photo in photos.items()},
    }


def _row(pair: PairFacts) -> dict[str, Any]:
    status = pair.status
    said = str(status.status or "left") if not status.reason else f"{status.reason}: {status.detail}"
    return {
        "failed": pair.is_refused,
        "texts": [status.pair_id, status.wide, status.shallow, status.split or status.stage, said],
        "numbers": [number_cell(pair.measured.get(row.name), ".3g") for row in LISTED],
    }


def _settings(workspace: Workspace) -> dict[str, str]:
    """Every setting the folder was made with, and the versions."""
    file = workspace.settings_file
    stored = read_toml(file, "settings") if file.exists() else {}
    return {
        f"{section}.{name}": canonical_json(value) if isinstance(value, bool | int | float) else str(value)
        for section, values in sorted(stored.items())
        if isinstance(values, dict)
        for name, value in sorted(values.items())
    }
