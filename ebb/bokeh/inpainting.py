"""Inpainting of surfaces hidden behind the edge of a nearer surface.

Seen through the point u of the aperture, |u| ≤ 1/2, a pixel is displaced by coc · u. A nearer pixel y can
therefore occlude a pixel x only if |x − y| ≤ (coc(x) − coc(y)) / 2. This criterion divides the photo into
pixels that may be occluded (``exposed`` is False), pixels that cannot be (``exposed`` is True, as everywhere
on smooth surfaces), and a band behind the nearer side of each edge that is visible from parts of the aperture
but not in the photo, and is inpainted.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.bokeh.matting import split_edges, without_highlights

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
    covered = _cone_minimum(matte.coc) < matte.coc
    wanted = -_cone_minimum(-matte.coc) > matte.coc
    hidden, rgb, hidden_coc = _fill(matte, covered, wanted)
    return Surfaces(*matte[:3], ~covered, hidden, rgb, hidden_coc)


def _cone_minimum(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Minimum over y of values(y) + EDGE_SLOPE · |x − y|, with the 3 × 3 chamfer distance."""
    import cv2

    cross = np.asarray(cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    square = np.ones((3, 3), np.uint8)
    lowest = values
    for _ in range(math.ceil((float(values.max()) - float(values.min())) / EDGE_SLOPE)):
        straight = np.asarray(cv2.erode(lowest, cross), np.float32) + np.float32(EDGE_SLOPE)
        diagonal = np.asarray(cv2.erode(lowest, square), np.float32) + np.float32(EDGE_SLOPE * math.sqrt(2))
        following = np.minimum(np.minimum(straight, diagonal), lowest)
        if np.array_equal(following, lowest):
            break
        lowest = following
    return lowest


def _beside_edges(rgb: RgbLinear, source: Mask) -> RgbLinear:
    """Mean colour of the source pixels in a window around each pixel."""
    import cv2

    weight = source.astype(np.float32)
    window = (SAMPLE_WINDOW, SAMPLE_WINDOW)
    total = cv2.blur(rgb * weight[..., None], window)
    share = np.asarray(cv2.blur(weight, window))
    return np.asarray(total / np.maximum(share, 1e-6)[..., None], np.float32)


def _fill(matte: Matte, source: Mask, wanted: Mask) -> tuple[Mask, RgbLinear, NDArray[np.float32]]:
    """Propagate colour and coc from ``source`` pixels to nearer ``wanted`` pixels."""
    import cv2

    height, width = source.shape
    dull = without_highlights(matte.rgb)  # a lamp next to an edge must not be duplicated
    mean = _beside_edges(dull, source)
    # With a frame of one pixel, neighbours are flat index offsets. Channels: colour, mean colour, coc or NaN.
    seen = _framed(np.dstack([dull, mean, np.where(source, matte.coc, np.nan)]))
    hidden = _framed(np.dstack([matte.behind_rgb, mean, np.where(matte.beneath, matte.behind_coc, np.nan)]))
    visible_coc = _framed(matte.coc[..., None])[:, 0]
    todo, known = np.pad(wanted & ~matte.beneath, 1), np.pad(source | matte.beneath, 1)
    around = np.asarray([dy * (width + 2) + dx for dy, dx in _NEIGHBOURS])
    while todo.any():
        touched = np.asarray(cv2.dilate(known.view(np.uint8), np.ones((3, 3), np.uint8)), np.uint8)
        ring = np.flatnonzero(todo & touched.view(np.bool_))
        values, found = _gather(ring, around, seen, hidden, visible_coc)
        if not found.any():
            break
        hidden[ring[found]] = values[found]
        todo.flat[ring[found]] = False
        known.flat[ring[found]] = True
    result = hidden.reshape(height + 2, width + 2, -1)[1:-1, 1:-1]
    mask = np.isfinite(result[..., -1])
    result = np.where(mask[..., None], result, np.float32(0))
    return mask, np.ascontiguousarray(result[..., :3]), np.ascontiguousarray(result[..., -1])


def _framed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)), constant_values=np.nan)
    return padded.reshape(-1, values.shape[2]).astype(np.float32)


def _gather(
    ring: NDArray[np.intp],
    around: NDArray[np.intp],
    seen: NDArray[np.float32],
    hidden: NDArray[np.float32],
    visible_coc: NDArray[np.float32],
) -> tuple[NDArray[np.float32], Mask]:
    """Mean of the neighbours' farther surfaces for each ring pixel, and a mask of pixels that have any."""
    neighbours = ring[:, None] + around
    limit = visible_coc[ring][:, None] + np.float32(EDGE_SLOPE)
    known = np.where((seen[neighbours, -1] > limit)[..., None], seen[neighbours], hidden[neighbours])
    depth = np.where(known[..., -1] > limit, known[..., -1], -np.inf)
    farthest = depth.max(axis=1)
    found = np.isfinite(farthest)
    weight = (depth > farthest[:, None] - SAME_SURFACE_PX) & found[:, None]
    total = np.where(weight[..., None], known, np.float32(0)).sum(axis=1)
    mean = total / np.maximum(weight.sum(axis=1), 1)[:, None].astype(np.float32)
    mean[:, :3] += np.float32(FADE) * (mean[:, 3:6] - mean[:, :3])
    return mean, found
