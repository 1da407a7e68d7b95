"""Picture of the alignment of a pair: matches, overlays, focus, measurements and gates."""

from __future__ import annotations

import dataclasses
import difflib
import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.aligned_pair import open_frames, prior_ev
from ebb.arrays import Size
from ebb.dataset.catalog import Pair, pairs_of, read_catalog
from ebb.errors import InvalidInput, UsageError
from ebb.files import refuse_link, write_atomic
from ebb.formats.png import encode_png
from ebb.geometry.homography import apply
from ebb.geometry.pixel_grid import resize_homography
from ebb.hints import command
from ebb.measurements import TABLE
from ebb.quality.grid import TILE_PX
from ebb.registration.examine import Examination, examine
from ebb.report import canvas as draw
from ebb.report.canvas import BAD, FAINT, GOOD, TEXT, Canvas
from ebb.runner.items import Result
from ebb.runner.run import run_items
from ebb.scan.inputs import ingested_photo

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.arrays import Homography, Rgb8
    from ebb.settings import AlignSettings, RunSettings
    from ebb.workspace import Workspace

MARGIN = 16
PANEL = Size(800, 534)
CAPTION = 30
HEADER = 76
LINE = 22
WIDTH = 2 * PANEL.width + 3 * MARGIN
MAX_LINES = 120
"""Largest number of matches drawn, evenly spaced; more would hide the photos."""

ZOOM = 72
"""Side of the magnified detail, in pixels at detection height."""


@dataclass(frozen=True)
class DebugJob:
    """A pair to draw, and the path of the picture."""

    pair: Pair
    settings: AlignSettings
    path: Path


@dataclass(frozen=True, kw_only=True)
class DebugReport:
    """The picture of a pair and the decision of the gates."""

    pair_id: str
    picture: str
    verdict: str
    """``ok`` or the reason code of the gate that decides."""
    detail: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return dataclasses.asdict(self)


def write_debug_picture(
    workspace: Workspace, name: str, settings: AlignSettings, run: RunSettings
) -> DebugReport:
    """Align a pair again, in a worker, and draw the alignment into ``debug/<pair_id>.png`` of the folder.

    Nothing else is written, neither photos nor state.

    Args:
        workspace: The dataset folder.
        name: Id of the pair, the beginning of it, or the name of one of its files.
        settings: Settings of the alignment.
        run: Settings of the worker.

    Raises:
        UsageError: no pair or several have that name.
        InvalidInput: one of its files cannot be read, or the folder ``debug`` is a symbolic link.
    """
    try:
        pair = find_pair(pairs_of(read_catalog(workspace.catalog_file)), name)
    except UsageError as error:
        hint = f"{error.hint}; all of them: {command('status --pairs', workspace.root)}"
        raise UsageError(error.message, hint=hint) from error
    if pair.is_imported:  # its photos keep their size
        settings = dataclasses.replace(settings, height=0)
    job = DebugJob(pair, settings, workspace.debug_picture(pair.pair_id))
    refuse_link(job.path.parent)
    one = dataclasses.replace(run, workers=1, runner="local")
    (outcome,) = run_items(draw_pair, [job], one)
    if outcome.value is None:
        raise InvalidInput(f"cannot draw {pair.pair_id}: {outcome.detail}")
    return outcome.value


def draw_pair(job: DebugJob) -> Result[DebugReport]:
    """Examine a pair, draw and write the picture. Runs in a worker."""
    examined = examine_pair(job.pair, job.settings)
    sha256 = write_atomic(job.path, encode_png(compose(job.pair, job.settings, examined)))
    first = examined.rejections[0] if examined.rejections else None
    report = DebugReport(
        pair_id=job.pair.pair_id,
        picture=str(job.path),
        verdict=first.reason if first else "ok",
        detail=first.message if first else "",
    )
    return Result(value=report, outputs={job.path.name: sha256})


def examine_pair(pair: Pair, settings: AlignSettings) -> Examination:
    """Register a pair of the catalogue, even if the gates reject it, without writing anything.

    Raises:
        Broken: a file has changed since ingest or cannot be decoded.
    """
    files = ingested_photo(pair.wide), ingested_photo(pair.shallow)
    return examine(*open_frames(*files, settings), settings, prior_ev(*files))


def find_pair(pairs: list[Pair], name: str) -> Pair:
    """The pair with this id, beginning of an id, or name of a file.

    Args:
        pairs: All pairs.
        name: Id, beginning of an id, or a file by its path below the folder, its name, or its name without
            suffix.

    Raises:
        UsageError: no pair or several match.
    """
    found = [pair for pair in pairs if pair.pair_id == name.lower()]
    found = found or [pair for pair in pairs if name and pair.pair_id.startswith(name.lower())]
    found = found or [pair for pair in pairs if name.casefold() in _file_names(pair)]
    if len(found) == 1:
        return found[0]
    if found:
        hint = f"name one by its id: {', '.join(_listed(pair) for pair in found[:5])}"
        raise UsageError(f"more than one pair is called {name!r}", hint=hint)
    names = {known: pair for pair in pairs for known in (pair.pair_id, *sorted(_file_names(pair)))}
    near = [names[known] for known in difflib.get_close_matches(name.casefold(), names, n=5, cutoff=0.4)]
    listed = ", ".join(dict.fromkeys(map(_listed, near or pairs[:5]))) or "none, no two files make a pair"
    which = "near it" if near else "pairs here"
    raise UsageError(
        f"no pair has the id or a file of the name {name!r}",
        hint=f"{which}: {listed}",
    )


def _file_names(pair: Pair) -> set[str]:
    """Names of both files, in lower case: the path, the name, the name without the suffix."""
    paths = [PurePosixPath(row.name.casefold()) for row in (pair.wide, pair.shallow)]
    return {name for path in paths for name in (str(path), path.name, path.stem)}


def _listed(pair: Pair) -> str:
    return f"{pair.pair_id} ({pair.wide.name} + {pair.shallow.name})"


def compose(pair: Pair, settings: AlignSettings, examined: Examination) -> Rgb8:
    """The whole picture.

    Args:
        pair: The pair, for the names.
        settings: Settings with the limits.
        examined: Result of the registration.

    Returns:
        (height, width, 3).
    """
    lines = _measurement_lines(settings, examined)
    rows = -(-len(lines) // 3)
    step = CAPTION + PANEL.height + MARGIN
    header = HEADER + LINE * max(1, len(examined.rejections))
    canvas = Canvas(WIDTH, header + 3 * step + CAPTION + LINE * rows + MARGIN)
    _head(canvas, pair, examined)
    left, right = MARGIN, 2 * MARGIN + PANEL.width
    _matches(canvas, header, examined)
    before, after = _overlays(examined)
    caption = "wide photo red, shallow photo cyan; grey where they agree"
    _panel(canvas, left, header + step, f"Before alignment: {caption}", before)
    if after is None:
        _panel(canvas, right, header + step, "After alignment: no motion was found", before // 4)
    else:
        _panel(canvas, right, header + step, f"After alignment: {caption}; frame: common crop", after)
    _panel(canvas, left, header + 2 * step, *_focus(examined))
    _panel(canvas, right, header + 2 * step, *_zoom(examined))
    top = header + 3 * step
    canvas.text(left, top, "Measurements and limits; px are pixels at 1024 px height", FAINT)
    for index, (text, colour) in enumerate(lines):
        column, row = divmod(index, rows)
        canvas.text(left + column * (WIDTH // 3), top + CAPTION + row * LINE, text, colour)
    return canvas.pixels()


def _head(canvas: Canvas, pair: Pair, examined: Examination) -> None:
    canvas.text(MARGIN, MARGIN, f"{pair.pair_id}   {pair.wide.name} + {pair.shallow.name}", size=22)
    parts = [f"{len(examined.inliers)} matches, {int(examined.inliers.sum())} inliers"]
    if examined.registration is not None:
        parts.append(f"motion: {examined.registration.motion_model}")
    parts.append(f"measured at {examined.wide.size.width} x {examined.wide.size.height}")
    canvas.text(MARGIN, MARGIN + 34, ", ".join(parts), FAINT)
    if not examined.rejections:
        canvas.text(MARGIN, HEADER, "accepted: passes all gates", GOOD, size=17)
    for index, rejection in enumerate(examined.rejections):
        decides = "rejected by" if index == 0 else "would also be rejected by"
        text = f"{decides} {rejection.reason}: {rejection.message}"
        canvas.text(MARGIN, HEADER + LINE * index, text, BAD if index == 0 else FAINT, size=17)


def _panel(canvas: Canvas, x: int, y: int, caption: str, picture: Rgb8) -> None:
    canvas.text(x, y + 6, caption, FAINT)
    canvas.panel(x, y + CAPTION, PANEL, picture)


def _matches(canvas: Canvas, y: int, examined: Examination) -> None:
    """Both photos side by side, with lines between matched keypoints."""
    wide, shallow = examined.wide.rgb, examined.shallow.rgb
    both = [
        np.asarray(photo // 257 if photo.dtype == np.uint16 else photo, np.uint8) for photo in (wide, shallow)
    ]
    height = max(len(photo) for photo in both)
    padded = [np.pad(photo, ((0, height - len(photo)), (0, 0), (0, 0))) for photo in both]
    picture = np.hstack(padded)
    offset = np.array([both[0].shape[1], 0.0])
    pairs = list(zip(examined.points_wide, examined.points_shallow + offset, strict=True))
    agree = [pair for pair, inlier in zip(pairs, examined.inliers, strict=True) if inlier]
    others = [pair for pair, inlier in zip(pairs, examined.inliers, strict=True) if not inlier]
    picture = draw.linked(picture, _some(others), BAD)
    picture = draw.linked(picture, _some(agree), GOOD)
    caption = "Matches, wide photo left, shallow photo right: inliers green, outliers red"
    canvas.text(MARGIN, y + 6, caption, FAINT)
    canvas.panel(MARGIN, y + CAPTION, Size(WIDTH - 2 * MARGIN, PANEL.height), picture)


def _some(items: list[Any]) -> list[Any]:
    """At most :data:`MAX_LINES` items, evenly spaced."""
    return items[:: max(1, -(-len(items) // MAX_LINES))]


def _overlays(examined: Examination) -> tuple[Rgb8, Rgb8 | None]:
    """Overlays of both photos, before and after alignment."""
    wide = examined.wide.gray
    shallow = draw.as_bright_as(examined.shallow.gray, wide)
    before = draw.anaglyph(wide, draw.moved_onto(shallow, _as_shot(examined), wide.shape))
    if examined.estimate is None:
        return before, None
    H = examined.estimate.refinement.H_shallow_to_wide
    after = draw.anaglyph(wide, draw.moved_onto(shallow, H, wide.shape))
    if examined.registration is not None:
        crop = examined.registration.crop
        x, y, right, bottom = crop.x, crop.y, crop.x + crop.width - 1, crop.y + crop.height - 1
        corners = np.array([[x, y], [right, y], [right, bottom], [x, bottom]], np.float64)
        after = draw.framed(after, apply(resize_homography(examined.wide.scale), corners))
    return before, after


def _focus(examined: Examination) -> tuple[str, Rgb8]:
    """The wide photo, bright where both photos are sharp."""
    wide = examined.wide.gray
    if examined.estimate is None:
        return "In focus in both photos: unknown, no motion was found", draw.grey_to_rgb(wide // 3)
    refinement = examined.estimate.refinement
    mask = np.zeros(wide.shape, np.bool_)
    corners = np.rint(refinement.tiles.centres - (TILE_PX - 1) / 2).astype(int)
    for x, y in corners[refinement.in_focus]:
        mask[y : y + TILE_PX, x : x + TILE_PX] = True
    picture = np.where(mask[..., None], draw.grey_to_rgb(wide), draw.grey_to_rgb(wide // 4)).astype(np.uint8)
    for x, y in corners[refinement.in_focus]:
        square = np.array(
            [[x, y], [x + TILE_PX, y], [x + TILE_PX, y + TILE_PX], [x, y + TILE_PX]], np.float64
        )
        picture = draw.framed(picture, square, GOOD, 1)
    share = refinement.in_focus.mean() if len(refinement.in_focus) else 0.0
    return f"In focus in both photos (green tiles, {share:.1%}); the motion is refined there", picture


def _zoom(examined: Examination) -> tuple[str, Rgb8]:
    """The sharpest detail, magnified: wide, shallow and both; original above, aligned below."""
    wide, shallow = examined.wide.gray, draw.as_bright_as(examined.shallow.gray, examined.wide.gray)
    motions = [_as_shot(examined)]
    x, y = wide.shape[1] / 2, wide.shape[0] / 2
    if examined.estimate is not None:
        refinement = examined.estimate.refinement
        motions.append(refinement.H_shallow_to_wide)
        clearness = np.trace(refinement.tiles.information, axis1=1, axis2=2) * refinement.in_focus
        if clearness.any():
            x, y = refinement.tiles.centres[clearness.argmax()]
    left, top = (
        int(np.clip(middle - ZOOM / 2, 0, max(side - ZOOM, 0)))
        for middle, side in ((x, wide.shape[1]), (y, wide.shape[0]))
    )
    patch = np.s_[top : top + ZOOM, left : left + ZOOM]
    rows = []
    for H in motions:
        first, second = wide[patch], draw.moved_onto(shallow, H, wide.shape)[patch]
        parts = (draw.grey_to_rgb(first), draw.grey_to_rgb(second), draw.anaglyph(first, second))
        rows.append(np.hstack([np.pad(part, ((1, 1), (1, 1), (0, 0))) for part in parts]))
    order = "before (above) and after alignment (below)" if len(rows) > 1 else "no motion was found"
    caption = f"Detail at ({left}, {top}): wide, shallow, both; {order}"
    return caption, np.vstack(rows)


def _as_shot(examined: Examination) -> Homography:
    """Homography of the overlay before alignment."""
    return resize_homography(
        (
            examined.wide.size.width / examined.shallow.size.width,
            examined.wide.size.height / examined.shallow.size.height,
        )
    )


def _measurement_lines(settings: AlignSettings, examined: Examination) -> list[tuple[str, draw.Colour]]:
    """Every measurement with its limit, red if its gate rejects the pair."""
    if examined.registration is None:
        return [("none: the pair was rejected before it could be measured", TEXT)]
    lines = []
    measured = examined.registration.measurements.as_dict()
    for row in TABLE:
        if row.name not in measured:
            continue
        value = row.seen(measured)
        shown = "unknown" if math.isnan(value) else f"{value:.4g} {row.unit}"
        text, limit = f"{row.name}  {shown}", row.limit(settings)
        if limit is None:
            lines.append((text, FAINT))
        else:
            lines.append((f"{text}  ({limit})", TEXT if limit.passes(value) else BAD))
    return lines
