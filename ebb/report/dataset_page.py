"""The page of a dataset folder: what became of every pair, figures and their limits, photos to compare."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ebb.dataset.splits import SPLITS
from ebb.errors import Status
from ebb.files import write_atomic
from ebb.names import counted
from ebb.pages.cells import number_cell
from ebb.pages.data_uri import data_uri
from ebb.pages.page import render_page
from ebb.report.histograms import draw_histogram
from ebb.report.limits import limit_of
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

FIGURES = {
    "residual_px": "apart in focus (px)",
    "residual_p95_px": "of it, the worst twentieth (px)",
    "focus_share": "sharp in both (share)",
    "focus_mismatch": "of that, different (share)",
    "parallax_px": "parallax (px)",
    "similarity": "similarity, blur aside",
    "changed_share": "changed (share)",
    "overlap": "overlap (share)",
    "num_inliers": "inliers",
    "stretch": "stretch (share)",
    "keypoint_residual_px": "keypoints from the motion (px)",
    "rotation_deg": "roll (degrees)",
    "exposure_ev": "shallow brighter by (stops)",
    "vignetting_ev": "light in the corners (stops)",
    "defocus_px": "blur, median (px)",
}
"""Figures that are drawn, and what they are called."""

IN_TABLE = ("residual_px", "focus_share", "parallax_px", "overlap", "exposure_ev", "defocus_px")


@dataclass(frozen=True, kw_only=True)
class PairFacts:
    """One pair with what was measured on it."""

    status: PairStatus
    figures: Mapping[str, float] = field(default_factory=dict)
    """Those of :data:`FIGURES` that are known."""

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
        pair_id: _numbers(row.value.measurements if row.value else row.measurements)
        for pair_id, row in contents.aligned.items()
    }
    pairs = [PairFacts(status=pair, figures=known.get(pair.pair_id, {})) for pair in status.pairs]
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
        doubtful=[_case(workspace, pair, _nearest(pair, settings)) for pair in doubtful],
        others=[_case(workspace, pair, pair.status.split) for pair in _others(done, doubtful)],
        heads=["pair", "wide", "shallow", "in", "status", *(FIGURES[name] for name in IN_TABLE)],
        rows=[_row(pair) for pair in pairs],
        settings=_settings(workspace),
    )
    write_atomic(workspace.report, page.encode())
    return workspace.report


def most_doubtful(pairs: Sequence[PairFacts], settings: AlignSettings) -> list[PairFacts]:
    """The pairs with the least room to a limit, the nearest first."""
    return sorted(pairs, key=lambda pair: _room(pair, settings)[0])[:NUM_DOUBTFUL]


def _room(pair: PairFacts, settings: AlignSettings) -> tuple[float, str]:
    """Least room of a pair's figures, and whose it is."""
    limits = {name: limit_of(settings, name) for name in pair.figures}
    rooms = [(limit.room(pair.figures[name]), name) for name, limit in limits.items() if limit]
    return min(rooms, default=(math.inf, ""))


def _nearest(pair: PairFacts, settings: AlignSettings) -> str:
    """The figure nearest to its limit, in words."""
    _, name = _room(pair, settings)
    return f"{FIGURES[name]}: {pair.figures[name]:.3g}, {limit_of(settings, name)}" if name else ""


def _others(pairs: Sequence[PairFacts], shown: Sequence[PairFacts]) -> list[PairFacts]:
    left = [pair for pair in pairs if pair not in shown]
    return left[:: max(1, -(-len(left) // NUM_OTHERS))]


def _numbers(figures: Mapping[str, float]) -> dict[str, float]:
    """Figures to draw, out of all that a stage keeps."""
    known = {name: float(figures[name]) for name in FIGURES if name in figures}
    if figures.get("exposure_gain", 0) > 0:
        known["exposure_ev"] = math.log2(figures["exposure_gain"])
    return known


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
    for name, title in FIGURES.items():
        accepted, refused = (
            [pair.figures[name] for pair in pairs if pair.is_refused is is_refused and name in pair.figures]
            for is_refused in (False, True)
        )
        drawn.append(draw_histogram(title, accepted, refused, limit_of(settings, name)))
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
        "numbers": [number_cell(pair.figures.get(name), ".3g") for name in IN_TABLE],
    }


def _settings(workspace: Workspace) -> dict[str, str]:
    """Every setting the folder was made with, and the versions."""
    file = workspace.settings_file
    stored = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {
        f"{section}.{name}": value if isinstance(value, str) else canonical_json(value)
        for section, values in sorted(stored.items())
        for name, value in sorted(values.items())
    }
