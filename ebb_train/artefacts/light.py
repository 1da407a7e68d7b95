"""Light that blur cannot explain: drifts of exposure and colour, values out of range, broken pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.srgb import from_light, to_light
from ebb_train.artefacts.findings import Finding
from ebb_train.artefacts.scene import CLIPPED, JudgedScene, Picture, luma, within_reach
from ebb_train.metrics.blur import smoothed

if TYPE_CHECKING:
    from ebb.arrays import Mask
    from ebb_train.metrics.blur import Map2d

_SIGMA = 40.0
"""Deviation, at 1024 pixels height, of the blur before light is compared."""
_DARK = np.float32(0.004)
"""Linear light that is added to both sides of a ratio: noise of shadows is no drift."""
_LOCAL_WEIGHT = 0.1 / 0.3
_LOCAL_QUANTILE = 0.95
_TOLERANCE = np.float32(8 / 255)
_TILE = 32
_FLAT, _VARIED = 1e-6, 4 / 255
_BLACK = 1.5 / 255
_PATCH = 5


def drift(scene: JudgedScene, output: Picture) -> Finding | None:
    """Change of light against the photo; with a target, beyond what lies between the two.

    Returns:
        None if lights that clip reach everywhere.
    """
    judged = ~scene.near_clipping
    if judged.mean() < 0.05:
        return None
    change = _change(scene, output)
    if scene.target is not None:
        wanted = _change(scene, scene.target)
        change = change - change.clip(np.minimum(wanted, 0), np.maximum(wanted, 0))
    overall = np.median(change[judged], axis=0)
    local = np.abs(change - overall).max(axis=2)
    value = max(
        float(np.abs(overall).max()), _LOCAL_WEIGHT * float(np.quantile(local[judged], _LOCAL_QUANTILE))
    )
    return Finding("drift", value, judged & (np.abs(change).max(axis=2) > 0.1))


def overshoot(scene: JudgedScene, output: Picture) -> Finding:
    """Pixels beyond the range of the photo within reach of the blur, apart from the drift of light."""
    evened = _evened(scene, output)
    references = [_evened(scene, picture) for picture in scene.references()]
    beyond = np.zeros(scene.coc_px.shape, bool)
    for channel in range(3):
        planes = [picture[..., channel] for picture in references]
        highest = within_reach(np.maximum.reduce(planes), scene.coc_px, largest=True)
        lowest = within_reach(np.minimum.reduce(planes), scene.coc_px, largest=False)
        values = evened[..., channel]
        beyond |= (values > highest + _TOLERANCE) | (values < lowest - _TOLERANCE)
    beyond &= ~scene.near_clipping
    return Finding("overshoot", float(beyond.mean()), beyond)


def broken(scene: JudgedScene, output: Picture) -> Finding:
    """Pixels that are not finite, constant tiles, and pixels that clip although nothing in reach does."""
    not_finite = ~np.isfinite(output).all(axis=2)
    clean = np.nan_to_num(output, nan=0.0, posinf=0.0, neginf=0.0)
    bad = not_finite | _constant(scene, clean) | _clipped(scene, clean)
    return Finding("broken", float(bad.mean()), bad)


def _evened(scene: JudgedScene, picture: Picture) -> Picture:
    """The picture with the broad light of the photo."""
    return from_light((to_light(picture) * np.exp2(-_change(scene, picture))).clip(0, 1))


def _change(scene: JudgedScene, output: Picture) -> Picture:
    """Change of broad light against the photo, in stops, (H, W, 3)."""
    judged, sigma = ~scene.near_clipping, _SIGMA * scene.scale
    before, after = (_broad(light, judged, sigma) for light in (scene.light, to_light(output)))
    return np.asarray(np.log2(after / before), np.float32)


def _broad(light: Picture, judged: Mask, sigma: float) -> Picture:
    """Mean light around each pixel, of what is judged."""
    weight = smoothed(judged.astype(np.float32), sigma)[..., None]
    summed = smoothed((light * judged[..., None]).astype(np.float32), sigma)
    return np.asarray(summed / np.maximum(weight, np.float32(1e-3)) + _DARK, np.float32)


def _constant(scene: JudgedScene, output: Picture) -> Mask:
    """Tiles of one value, where the references vary."""
    flat = _range_of_tiles(luma(output)) < _FLAT
    varied = np.min([_range_of_tiles(luma(picture)) for picture in scene.references()], axis=0) > _VARIED
    tiles = np.kron(flat & varied, np.ones((_TILE, _TILE), bool))
    found = np.zeros(scene.coc_px.shape, bool)
    found[: tiles.shape[0], : tiles.shape[1]] = tiles
    return found


def _range_of_tiles(plane: Map2d) -> Map2d:
    height, width = (side // _TILE for side in plane.shape)
    tiles = plane[: height * _TILE, : width * _TILE].reshape(height, _TILE, width, _TILE)
    return np.asarray(np.ptp(tiles.swapaxes(1, 2), axis=(2, 3)))


def _clipped(scene: JudgedScene, output: Picture) -> Mask:
    """White or black patches out of reach of such pixels in the references."""
    import cv2

    white = (output >= CLIPPED).all(axis=2) & ~scene.near_clipping
    black = (output <= _BLACK).all(axis=2)
    darkest = np.minimum.reduce([picture.max(axis=2) for picture in scene.references()])
    black &= within_reach(darkest, scene.coc_px, largest=False) > 2 * _BLACK
    square = np.ones((_PATCH, _PATCH), np.uint8)
    return cv2.morphologyEx((white | black).astype(np.uint8), cv2.MORPH_OPEN, square).astype(bool)
