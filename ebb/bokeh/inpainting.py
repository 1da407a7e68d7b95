"""Inpainting of surfaces hidden behind the edge of a nearer surface.

Seen through the point u of the aperture, |u| ≤ 1/2, a pixel is displaced by coc · u. A nearer pixel y can
therefore occlude a pixel x only if |x − y| ≤ (coc(x) − coc(y)) / 2. This criterion divides the photo into
pixels that may be occluded (``exposed`` is False), pixels that cannot be (``exposed`` is True, as everywhere
on smooth surfaces), and a band behind the nearer side of each edge that is visible from parts of the aperture
but not in the photo, and is inpainted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.bokeh.matting import split_edges, without_highlights
from ebb.bokeh.reach import cone_minimum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Mask, RgbLinear
    from ebb.bokeh.matting import Matte

EDGE_SLOPE = 1.5
"""Slope of the coc (pixels per pixel) above which there is an edge. The exact value is 2; less is safer."""
SAMPLE_WINDOW = 15
"""Side of the window, in pixels, whose mean is the hidden colour far from the edge."""
FADE = 0.35
"""Weight of that mean in each ring, so that the influence of the adjacent pixels decreases inwards."""
SAME_SURFACE_PX = 2.0
"""Largest difference in coc of neighbours that are averaged; otherwise the farther surface is used."""

_NEIGHBOURS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)


class Surfaces(NamedTuple):
    """A photo with up to two surfaces per pixel."""

    rgb: RgbLinear
    """(H, W, 3), colour of the visible surface: that of the photo except in mixed pixels at edges."""
    coc: NDArray[np.float32]
    """(H, W), signed blur diameter of the visible surface."""
    opacity: NDArray[np.float32]
    """(H, W), coverage of the pixel by the visible surface: 1 except in mixed pixels at edges."""
    exposed: Mask
    """(H, W), False where the visible surface may be occluded by a nearer one."""
    hidden: Mask
    """(H, W), True where there is a hidden surface behind the visible one."""
    hidden_rgb: RgbLinear
    """(H, W, 3), colour of the hidden surface; 0 elsewhere."""
    hidden_coc: NDArray[np.float32]
    """(H, W), signed blur diameter of the hidden surface; 0 elsewhere."""


def find_surfaces(photo: RgbLinear, coc: NDArray[np.float32]) -> Surfaces:
    """Divide a photo into visible and hidden surfaces and inpaint the latter.

    Hidden pixels are filled ring by ring from the far side of each edge (the diffusion of Oliveira et al.,
    "Fast digital image inpainting", 2001, in one pass), as far as they are visible from the aperture.

    Args:
        photo: (H, W, 3), linear light.
        coc: (H, W), signed blur diameter in pixels, negative in front of the plane of focus.
    """
    matte = split_edges(photo, coc)
    covered = cone_minimum(matte.coc, EDGE_SLOPE) < matte.coc
    wanted = -cone_minimum(-matte.coc, EDGE_SLOPE) > matte.coc
    hidden_coc = np.where(matte.beneath, matte.behind_coc, np.float32(0))
    hidden, hidden_rgb = matte.beneath, matte.behind_rgb
    if wanted.any():
        pixels, colours, cocs = _fill(matte, covered, wanted)
        hidden = hidden.copy()
        hidden.flat[pixels] = True
        hidden_rgb.reshape(-1, 3)[pixels] = colours
        hidden_coc.flat[pixels] = cocs
    return Surfaces(*matte[:3], ~covered, hidden, hidden_rgb, hidden_coc)


def _beside_edges(rgb: RgbLinear, source: Mask, pixels: NDArray[np.intp]) -> NDArray[np.float32]:
    """Mean colour, (N, 3), of the source pixels in a window around N pixels, given by flat index."""
    import cv2

    window = (SAMPLE_WINDOW, SAMPLE_WINDOW)
    mask = source.view(np.uint8)
    total = np.asarray(cv2.blur(cv2.copyTo(rgb, mask), window), np.float32).reshape(-1, 3)
    share = np.asarray(cv2.blur(mask.astype(np.float32), window), np.float32).ravel()
    return np.asarray(total[pixels] / np.maximum(share[pixels], 1e-6)[:, None], np.float32)


class _Places:
    """The pixels in and around the hidden surfaces, numbered from 0; all others share the number −1."""

    def __init__(self, region: Mask) -> None:
        import cv2

        near = cv2.dilate(region.view(np.uint8), np.ones((3, 3), np.uint8))
        self.stride = region.shape[1] + 2
        self.pixels = np.flatnonzero(near)
        rows, columns = np.divmod(self.pixels, region.shape[1])
        self._framed = (rows + 1) * self.stride + columns + 1
        self._number: NDArray[np.int32] = np.full((region.shape[0] + 2) * self.stride, -1, np.int32)
        self._number[self._framed] = np.arange(self.pixels.size)

    def neighbours(self, places: NDArray[np.intp]) -> NDArray[np.int32]:
        """Numbers of the neighbours of N places, (N, 8)."""
        around = np.asarray([dy * self.stride + dx for dy, dx in _NEIGHBOURS])
        return np.asarray(self._number[self._framed[places][:, None] + around], np.int32)


class _Table(NamedTuple):
    """Visible and hidden surfaces of M places; one more row, without a surface, for all other pixels.

    Row m holds the visible surface of place m, row M + 1 + m the hidden one.
    """

    values: NDArray[np.float32]
    """(2 (M + 1), 7): colour, mean colour of the far side, coc."""
    coc: NDArray[np.float32]
    """(2 (M + 1),): the coc again; −∞ where there is no surface that continues behind another."""


def _fill(
    matte: Matte, source: Mask, wanted: Mask
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
    """Propagate colour and coc from ``source`` pixels to nearer ``wanted`` pixels.

    Returns:
        Flat indices of the N filled pixels, their colour (N, 3) and their coc (N,).
    """
    places = _Places(wanted)
    at = places.pixels
    beneath, is_source = matte.beneath.ravel()[at], source.ravel()[at]
    visible_coc = matte.coc.ravel()[at]
    table = _table(matte, source, at)
    todo = np.append(wanted.ravel()[at] & ~beneath, False)
    filled = _fill_rings(places, table, todo, visible_coc, np.flatnonzero(is_source | beneath))
    row = filled + len(todo)
    return at[filled], table.values[row, :3], table.coc[row]


def _table(matte: Matte, source: Mask, at: NDArray[np.intp]) -> _Table:
    """Surfaces that are known before anything is filled, at places given by flat index."""
    dull = without_highlights(matte.rgb)  # a lamp next to an edge must not be duplicated
    mean = _beside_edges(dull, source, at)
    visible_coc, behind_coc = matte.coc.reshape(-1, 1)[at], matte.behind_coc.reshape(-1, 1)[at]
    blank = np.zeros((1, 7), np.float32)
    seen = np.hstack([dull.reshape(-1, 3)[at], mean, visible_coc])
    behind = np.hstack([matte.behind_rgb.reshape(-1, 3)[at], mean, behind_coc])
    values = np.vstack([seen, blank, behind, blank])
    valid = np.concatenate([source.ravel()[at], [False], matte.beneath.ravel()[at], [False]])
    return _Table(values, np.where(valid, values[:, 6], np.float32(-np.inf)))


def _fill_rings(
    places: _Places,
    table: _Table,
    todo: Mask,
    visible_coc: NDArray[np.float32],
    known: NDArray[np.intp],
) -> NDArray[np.intp]:
    """Fill the hidden rows of ``table`` outwards from the ``known`` places; returns the filled places."""
    half = len(todo)
    filled = [np.zeros(0, np.intp)]
    while known.size:
        touched = np.zeros(half, np.bool_)
        touched[places.neighbours(known)] = True
        ring = np.flatnonzero(touched & todo)
        values, found = _gather(places.neighbours(ring), table, visible_coc[ring])
        known = ring[found]
        table.values[known + half] = values[found]
        table.coc[known + half] = values[found, 6]
        todo[known] = False
        filled.append(known)
    return np.concatenate(filled)


def _gather(
    neighbours: NDArray[np.int32], table: _Table, visible_coc: NDArray[np.float32]
) -> tuple[NDArray[np.float32], Mask]:
    """Mean of the neighbours' farther surfaces for each of N places, and a mask of places that have any."""
    half = len(table.coc) // 2
    limit = visible_coc[:, None] + np.float32(EDGE_SLOPE)
    row = np.where(neighbours < 0, half - 1, neighbours)
    row = np.where(table.coc[row] > limit, row, row + half)
    depth = np.where(table.coc[row] > limit, table.coc[row], np.float32(-np.inf))
    farthest = depth.max(axis=1, keepdims=True)
    found = np.isfinite(farthest)
    weight = (found & (depth > farthest - np.float32(SAME_SURFACE_PX))).astype(np.float32)
    total = np.einsum("nk,nkc->nc", weight, table.values[row])
    mean = total / np.maximum(weight.sum(axis=1), 1)[:, None]
    mean[:, :3] += np.float32(FADE) * (mean[:, 3:6] - mean[:, :3])
    return mean, found[:, 0]
