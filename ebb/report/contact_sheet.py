"""The picture to look at after a run: wide, shallow and depth of the pairs, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import Status
from ebb.files import write_atomic
from ebb.formats.png import encode_png
from ebb.report.status import PairStatus, dataset_status
from ebb.report.stored import stored_photos

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebb.arrays import Gray8, Rgb8
    from ebb.workspace import Workspace

MAX_PAIRS = 24
"""A sheet shows this many pairs, evenly chosen in shooting order."""
TILE_HEIGHT = 240
MARGIN = 8
CAPTION = 26
_BACKGROUND, _TEXT = 24, (225, 225, 225)


def write_contact_sheet(workspace: Workspace) -> Path | None:
    """Write ``contact_sheet.png`` of the finished pairs; ``None`` when there are none to show."""
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


def _row(pair: PairStatus, photos: Sequence[Rgb8 | Gray8]) -> Rgb8:
    tiles = [_tile(photo) for photo in photos]
    gap = np.full((TILE_HEIGHT, MARGIN, 3), _BACKGROUND, np.uint8)
    strip = np.hstack([part for tile in tiles for part in (tile, gap)])
    return np.vstack([_caption(pair, strip.shape[1]), strip])


def _tile(image: Rgb8 | Gray8) -> Rgb8:
    import cv2

    colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    width = round(image.shape[1] * TILE_HEIGHT / image.shape[0])
    return np.asarray(cv2.resize(colour, (width, TILE_HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def _caption(pair: PairStatus, width: int) -> Rgb8:
    import cv2

    band = np.full((CAPTION, width, 3), _BACKGROUND, np.uint8)
    text = f"{pair.pair_id}  {pair.wide} + {pair.shallow}  {pair.split}"
    ascii_text = text.encode("ascii", "replace").decode()
    return np.asarray(
        cv2.putText(band, ascii_text, (2, CAPTION - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _TEXT, 1, cv2.LINE_AA),
        np.uint8,
    )


def _stack(rows: list[Rgb8]) -> Rgb8:
    width = max(row.shape[1] for row in rows) + MARGIN
    sheet = np.full((sum(len(row) + MARGIN for row in rows), width, 3), _BACKGROUND, np.uint8)
    top = 0
    for row in rows:
        sheet[top : top + len(row), MARGIN : MARGIN + row.shape[1]] = row
        top += len(row) + MARGIN
    return sheet
