"""Straight steps where a picture was put together from tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb_train.artefacts.findings import Finding
from ebb_train.artefacts.scene import JudgedScene, Picture, luma

if TYPE_CHECKING:
    from ebb.arrays import Mask
    from ebb_train.metrics.blur import Map2d

LENGTH = 64
"""Pixels of a line over which a step is averaged."""
_PARTS = 4
_TIMES = (1.2, 5.0, 5.0)
"""Steps of the photo, of its layered render and of the target, times these, are no seam."""


def seams(scene: JudgedScene, output: Picture) -> Finding | None:
    """Steps across horizontal and vertical lines, beyond those that the scene has.

    Returns:
        None for pictures with a side below 2 · 64 pixels.
    """
    if min(output.shape[:2]) < 2 * LENGTH:
        return None
    planes = [luma(picture) * np.float32(255) for picture in (output, *scene.references())]
    value, where = 0.0, np.zeros(scene.coc_px.shape, bool)
    for turned in (False, True):
        own, *others = (_steps(plane.T if turned else plane) for plane in planes)
        own = _common(own)
        known = np.max(
            [
                _around(np.abs(steps).max(axis=2)) * times
                for steps, times in zip(others, _TIMES, strict=False)
            ],
            axis=0,
        )
        excess = own - known
        value = max(value, float(excess.max()))
        marks = _marks(excess > 0.5, (where.T if turned else where).shape)
        where |= marks.T if turned else marks
    return Finding("seams", max(value, 0.0), where)


def _steps(plane: Map2d) -> Map2d:
    """Step below each row, beyond the mean of the steps above and below it: (row, segment, part of it)."""
    step = np.diff(plane, axis=0)
    beyond = step[1:-1] - (step[:-2] + step[2:]) / 2
    count = beyond.shape[1] // LENGTH
    parts = beyond[:, : count * LENGTH].reshape(len(beyond), count, _PARTS, LENGTH // _PARTS)
    return np.asarray(parts.mean(axis=3), np.float32)


def _common(steps: Map2d) -> Map2d:
    """Size of the step that all parts of a segment have in the same direction."""
    return np.asarray(np.maximum(np.maximum(steps.min(axis=2), -steps.max(axis=2)), 0), np.float32)


def _around(steps: Map2d) -> Map2d:
    """Largest step within two rows: a photo and its render may be out of step by a pixel."""
    import cv2

    return np.asarray(cv2.dilate(steps, np.ones((5, 1), np.uint8)), np.float32)


def _marks(is_seam: Mask, shape: tuple[int, ...]) -> Mask:
    marks = np.zeros(shape, bool)
    lines = np.repeat(is_seam, LENGTH, axis=1)
    marks[1 : 1 + len(lines), : lines.shape[1]] = lines
    marks[2 : 2 + len(lines), : lines.shape[1]] |= lines
    return marks
