"""The contact sheet of a data set: wide, shallow and depth of its pairs, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.arrays import Size
from ebb.errors import Status
from ebb.files import write_atomic
from ebb.formats.png import encode_png
from ebb.report.canvas import BACKGROUND, Canvas, text_width
from ebb.report.status import PairStatus, dataset_status
from ebb.report.stored import stored_photos

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebb.arrays import Gray8, Rgb8
    from ebb.workspace import Workspace

MAX_PAIRS = 24
"""Largest number of pairs on a sheet, evenly spaced in order of capture."""
TILE_HEIGHT = 240
MARGIN = 8
CAPTION = 26


def write_contact_sheet(workspace: Workspace) -> Path | None:
    """Write ``contact_sheet.png`` of the finished pairs; ``None`` if there are none."""
    finished = [pair for pair in dataset_status(workspace).pairs if pair.status is Status.OK]
    if not finished:
        return None
    step = max(1, -(-len(finished) // MAX_PAIRS))
    rows = [_row(pair, photos) for pair in finished[::step] if (photos := _photos(workspace, pair))]
    if not rows:
        return None
    write_atomic(workspace.contact_sheet, encode_png(_stack(rows)))
    return workspace.contact_sheet


def _photos(workspace: Workspace, pair: PairStatus) -> list[Rgb8 | Gray8]:
    return list(stored_photos(workspace.pair(pair.pair_id)).photos.values())


def _row(pair: PairStatus, photos: Sequence[Rgb8 | Gray8]) -> tuple[str, Rgb8]:
    """Caption and photos of a pair."""
    tiles = [_tile(photo) for photo in photos]
    gap = np.full((TILE_HEIGHT, MARGIN, 3), BACKGROUND, np.uint8)
    strip = np.hstack([part for tile in tiles for part in (tile, gap)][:-1])
    return f"{pair.pair_id}  {pair.wide} + {pair.shallow}  {pair.split}", strip


def _tile(image: Rgb8 | Gray8) -> Rgb8:
    import cv2

    colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    width = max(1, round(image.shape[1] * TILE_HEIGHT / image.shape[0]))
    return np.asarray(cv2.resize(colour, (width, TILE_HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def _stack(rows: Sequence[tuple[str, Rgb8]]) -> Rgb8:
    """All rows below each other, as wide as the widest strip or caption."""
    widths = [max(strip.shape[1], text_width(caption)) for caption, strip in rows]
    step = CAPTION + TILE_HEIGHT + MARGIN
    canvas = Canvas(max(widths) + 2 * MARGIN, len(rows) * step + MARGIN)
    for number, (caption, strip) in enumerate(rows):
        top = MARGIN + number * step
        canvas.text(MARGIN, top, caption)
        canvas.panel(MARGIN, top + CAPTION, Size(strip.shape[1], strip.shape[0]), strip)
    return canvas.pixels()
