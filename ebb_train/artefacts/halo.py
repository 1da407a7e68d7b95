"""Colour of a sharp subject in the blurred background around it.

A lens spills nothing of a subject in focus over what is behind it. Filters that blur a picture without
layers do: with a share h of the subject's colour, a pixel beyond its edge shows far + h · (near − far). The
depth map may be off by a few pixels, and gradients look like leaks; h is therefore measured in excess of the
layered renderer's on the same depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb_train.artefacts.findings import Finding
from ebb_train.artefacts.scene import BLURRED_PX, JudgedScene, Picture
from ebb_train.metrics.blur import smoothed

if TYPE_CHECKING:
    from ebb.arrays import Mask
    from ebb_train.metrics.blur import Map2d

_SHARP_PX = 2.5
_BAND = (3.0, 8.0)
_FAR = (12.0, 24.0)
"""Distances from the edge, in pixels of a picture of 1024 pixels height."""
_NEAR_SIGMA, _FAR_SIGMA, _LOCAL_SIGMA = 10.0, 16.0, 3.0
_LEAST_CONTRAST = 0.1
_LARGE, _LARGE_PIXELS, _LARGE_WEIGHT = 0.3, 200, 0.08 / 0.3
_FEWEST_PIXELS = 100
_TINY = np.float32(1e-3)


class _Edge(NamedTuple):
    """The surroundings of sharp subjects with blurred background."""

    band: Mask
    far: Mask
    subject: Mask


def halo(scene: JudgedScene, output: Picture) -> Finding | None:
    """Leaks of a sharp subject's colour, in excess of the layered renderer.

    Returns:
        None without an edge between a sharp subject and a blurred background of another colour.
    """
    if not (np.abs(scene.coc_px) < _SHARP_PX).any():
        return None
    edge = _find_edge(scene)
    if edge.band.sum() < _FEWEST_PIXELS:
        return None
    near = _mean_of(scene.photo, edge.subject, _NEAR_SIGMA * scene.scale)
    expected, contrast = _leak(scene.layered, near, edge, scene.scale)
    found, _ = _leak(output, near, edge, scene.scale)
    if scene.target is not None:
        expected = np.maximum(expected, _leak(scene.target, near, edge, scene.scale)[0])
    judged = edge.band & (contrast > _LEAST_CONTRAST)
    if judged.sum() < _FEWEST_PIXELS:
        return None
    excess = np.where(judged, found - expected, 0).astype(np.float32)
    weights = contrast[judged] ** 2
    mean = float((np.maximum(excess[judged], 0) * weights).sum() / weights.sum())
    large = _largest_over(excess, max(20, round(_LARGE_PIXELS * scene.scale**2)))
    return Finding("halo", max(mean, _LARGE_WEIGHT * large), judged & (excess > _LARGE / 2))


def _find_edge(scene: JudgedScene) -> _Edge:
    import cv2

    subject = (np.abs(scene.coc_px) < _SHARP_PX).astype(np.uint8)
    behind = scene.coc_px > BLURRED_PX * min(1.0, scene.scale)
    distance = cv2.distanceTransform(1 - subject, cv2.DIST_L2, 5) / scene.scale
    band, far = (behind & (distance >= low) & (distance <= high) for low, high in (_BAND, _FAR))
    rim = cv2.distanceTransform(subject, cv2.DIST_L2, 5) / scene.scale
    return _Edge(band, far, (rim > 1) & (rim <= _FAR[1]))


def _leak(picture: Picture, near: Picture, edge: _Edge, scale: float) -> tuple[Map2d, Map2d]:
    """Share of the subject's colour at each pixel, and the contrast to the background of this picture."""
    far = _mean_of(picture, edge.far, _FAR_SIGMA * scale)
    step = near - far
    known = (np.abs(near).sum(axis=2) > 0) & (np.abs(far).sum(axis=2) > 0)
    square = np.where(known, (step**2).sum(axis=2), 0).astype(np.float32)
    weight = smoothed(edge.band.astype(np.float32), _LOCAL_SIGMA * scale)
    shown = smoothed(
        np.where(edge.band, ((picture - far) * step).sum(axis=2), 0).astype(np.float32), _LOCAL_SIGMA * scale
    )
    local = smoothed(np.where(edge.band, square, 0).astype(np.float32), _LOCAL_SIGMA * scale)
    leak = np.where((weight > _TINY) & (local > 0), shown / np.maximum(local, np.float32(1e-6)), 0)
    return leak.astype(np.float32), np.sqrt(square)


def _mean_of(picture: Picture, mask: Mask, sigma: float) -> Picture:
    """Mean over the masked neighbours; 0 where there are none."""
    weight = smoothed(mask.astype(np.float32), sigma)[..., None]
    summed = smoothed((picture * mask[..., None]).astype(np.float32), sigma)
    return np.asarray(np.where(weight > _TINY, summed / np.maximum(weight, _TINY), 0), np.float32)


def _largest_over(excess: Map2d, pixels: int) -> float:
    """The largest excess that so many connected pixels have."""
    import cv2

    largest = 0.0
    for level in np.arange(0.1, 1.01, 0.1):
        _, _, stats, _ = cv2.connectedComponentsWithStats((excess > level).astype(np.uint8), connectivity=8)
        if stats[1:, cv2.CC_STAT_AREA].max(initial=0) < pixels:
            break
        largest = float(level)
    return largest
