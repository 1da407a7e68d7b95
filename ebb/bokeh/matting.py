"""Matting of depth edges: pixels that mix two surfaces are separated into foreground and background.

Pixels at the edge of a nearer surface are mixtures, C = α·F + (1 − α)·B, whereas depth assigns each to one
side. Without matting, the foreground's colour would form a halo in the blurred background, and the edges of a
subject in focus would be aliased.

α is estimated twice: from the smoothed edge of the depth map, with an error of about 0.11, and from colour.
If F and B are the mean colours of the pixels on either side, α is the projection of C on the line between
them, as in Bayesian matting (Chuang et al., "A Bayesian approach to digital matting", CVPR 2001); its
variance follows from the texture of both sides. The two estimates are averaged with inverse-variance weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Mask, RgbLinear

STEP_PX = 1.5
"""Difference in coc between neighbours above which there is an edge."""
SAME_PX = 0.75
"""Largest difference in coc between a pixel and the side of the edge to which it belongs."""
OUTLINE_SIGMA_PX = 0.5
"""Smoothing of the depth map's edge that best approximates true coverage (measured on curved edges)."""
OUTLINE_VARIANCE = 0.11**2
"""Variance of the opacity estimated from the depth map."""
COLOUR_VARIANCE = 0.02**2
"""Variance of the photo's colours in addition to the texture."""
REACH = 2
"""Radius of the neighbourhood in pixels."""
CHUNK = 16384
"""Number of edge pixels processed at a time, which bounds the memory."""
_OFFSETS = np.indices((2 * REACH + 1, 2 * REACH + 1)).reshape(2, -1).T - REACH
_SQUARED_DISTANCES = np.square(_OFFSETS).sum(axis=1).astype(np.float32)


class Matte(NamedTuple):
    """A photo with separated edge pixels; all other pixels are unchanged and have opacity 1."""

    rgb: RgbLinear
    """(H, W, 3), colour of the nearer surface."""
    coc: NDArray[np.float32]
    """(H, W), signed blur diameter of the nearer surface."""
    opacity: NDArray[np.float32]
    """(H, W), coverage of the pixel by the nearer surface."""
    beneath: Mask
    """(H, W), True on the far side of edges, where ``behind_*`` hold the farther surface."""
    behind_rgb: RgbLinear
    """(H, W, 3), colour of the farther surface."""
    behind_coc: NDArray[np.float32]
    """(H, W), signed blur diameter of the farther surface."""


def without_highlights(photo: RgbLinear) -> RgbLinear:
    """Reduce small highlights, above 1 and below 7 px, to 1 or the level of their surroundings.

    A lamp next to an edge is no evidence of the hidden surface; a bright sky is.
    """
    import cv2

    if float(photo.max()) <= 1:
        return photo
    around = np.asarray(cv2.morphologyEx(photo, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8)), np.float32)
    return np.minimum(photo, np.maximum(around, 1))


def split_edges(photo: RgbLinear, coc: NDArray[np.float32]) -> Matte:
    """Separate the pixels on both sides of every depth edge into two surfaces.

    Args:
        photo: (H, W, 3), linear light.
        coc: (H, W), signed blur diameter in pixels, negative in front of the plane of focus.
    """
    import cv2

    square = np.ones((3, 3), np.uint8)
    nearest = np.asarray(cv2.erode(coc, square), np.float32)
    farthest = np.asarray(cv2.dilate(coc, square), np.float32)
    rim = np.maximum(farthest - coc, coc - nearest) > STEP_PX
    matte = Matte(
        photo.copy(),
        coc.copy(),
        np.ones_like(coc),
        np.zeros_like(rim),
        np.zeros_like(photo),
        np.zeros_like(coc),
    )
    calm = without_highlights(photo)
    rim &= (photo <= calm).all(axis=2)  # highlights are not separated
    nearer = farthest - coc > coc - nearest
    near_coc, far_coc = np.where(nearer, coc, nearest), np.where(nearer, farthest, coc)
    where = np.flatnonzero(rim)
    framed = _Framed.of(calm, coc, rim)
    for start in range(0, where.size, CHUNK):
        pixels = where[start : start + CHUNK]
        _split(matte, framed.around(pixels), pixels, near_coc.flat[pixels], far_coc.flat[pixels])
    return matte


def _split(
    matte: Matte,
    around: _Around,
    pixels: NDArray[np.intp],
    near_coc: NDArray[np.float32],
    far_coc: NDArray[np.float32],
) -> None:
    """Write both surfaces of some edge pixels, given by flat index, to ``matte``."""
    front, back = around.side(near_coc), around.side(far_coc)
    rgb, behind_rgb = matte.rgb.reshape(-1, 3), matte.behind_rgb.reshape(-1, 3)
    mixed, nearer = rgb[pixels], matte.coc.flat[pixels] == near_coc
    share = _opacity(mixed, front, back, around.outline((near_coc + far_coc) * np.float32(0.5)))
    exact_front = np.clip((mixed - (1 - share) * back.mean) / np.maximum(share, 0.5), front.low, front.high)
    exact_back = np.clip((mixed - share * front.mean) / np.maximum(1 - share, 0.5), back.low, back.high)
    rgb[pixels] = np.where(nearer[:, None], exact_front, front.mean)
    behind_rgb[pixels] = exact_back
    matte.coc.flat[pixels], matte.behind_coc.flat[pixels] = near_coc, far_coc
    matte.opacity.flat[pixels], matte.beneath.flat[pixels] = share[:, 0], ~nearer


class _Side(NamedTuple):
    """Colour statistics, (N, 3), of one side of N edge pixels; the variance, (N, 1), is the channel mean."""

    mean: RgbLinear
    variance: NDArray[np.float32]
    low: RgbLinear
    high: RgbLinear


class _Framed(NamedTuple):
    """Flattened photo (P, 3), coc and edge mask (P,) with a replicated frame; neighbours are offsets."""

    rgb: NDArray[np.float32]
    coc: NDArray[np.float32]
    rim: NDArray[np.bool_]
    shape: tuple[int, int]

    @classmethod
    def of(cls, rgb: RgbLinear, coc: NDArray[np.float32], rim: Mask) -> _Framed:
        """Add the frame and flatten."""
        frame = ((REACH, REACH), (REACH, REACH))
        framed = np.pad(rgb, (*frame, (0, 0)), mode="edge").reshape(-1, 3)
        height, width = coc.shape
        flat_coc, flat_rim = np.pad(coc, frame, mode="edge").ravel(), np.pad(rim, frame, mode="edge").ravel()
        return cls(framed, flat_coc, flat_rim, (height, width))

    def around(self, pixels: NDArray[np.intp]) -> _Around:
        """Neighbourhoods of N pixels, given by their flat index in the photo."""
        rows, columns = np.divmod(pixels, self.shape[1])
        stride = self.shape[1] + 2 * REACH
        middle = (rows + REACH) * stride + columns + REACH
        places = middle + (_OFFSETS[:, :1] * stride + _OFFSETS[:, 1:])
        return _Around(self.rgb[places], self.coc[places], self.rim[places])


class _Around(NamedTuple):
    """Neighbourhoods of K = 25 pixels around N edge pixels: (K, N, 3), (K, N), (K, N)."""

    rgb: NDArray[np.float32]
    coc: NDArray[np.float32]
    rim: NDArray[np.bool_]

    def outline(self, middle_coc: NDArray[np.float32]) -> NDArray[np.float32]:
        """Coverage by the nearer side, (N, 1), from its smoothed mask."""
        weights = np.exp(-_SQUARED_DISTANCES / (2 * OUTLINE_SIGMA_PX**2))
        nearer = (self.coc < middle_coc).astype(np.float32)
        return np.asarray((weights / weights.sum()) @ nearer, np.float32)[:, None]

    def side(self, side_coc: NDArray[np.float32]) -> _Side:
        """Colour statistics of one side, weighted by distance; edge pixels have a small weight."""
        own = np.abs(self.coc - side_coc) < SAME_PX
        closeness = (1 / (_SQUARED_DISTANCES + 1))[:, None]
        weights = (own * closeness * np.where(self.rim, 1e-4, 1)).astype(np.float32)
        weights /= weights.sum(axis=0)
        mean = np.einsum("kn,knc->nc", weights, self.rgb)
        squares = np.einsum("kn,knc,knc->n", weights, self.rgb, self.rgb)[:, None] / 3
        variance = np.maximum(squares - np.square(mean).mean(axis=1, keepdims=True), 0)
        low = np.where(own[..., None], self.rgb, np.float32(np.inf)).min(axis=0)
        high = np.where(own[..., None], self.rgb, np.float32(-np.inf)).max(axis=0)
        return _Side(mean, variance, low, high)


def _opacity(
    mixed: RgbLinear, front: _Side, back: _Side, outline: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Opacity of the foreground, (N, 1), from the outline and from colour."""
    axis = front.mean - back.mean
    contrast = np.square(axis).sum(axis=1, keepdims=True) + np.float32(1e-9)
    projected = np.clip(((mixed - back.mean) * axis).sum(axis=1, keepdims=True) / contrast, 0, 1)
    texture = outline**2 * front.variance + (1 - outline) ** 2 * back.variance
    doubt = (texture + COLOUR_VARIANCE) / contrast
    share = (projected * OUTLINE_VARIANCE + outline * doubt) / (OUTLINE_VARIANCE + doubt)
    return np.asarray(share, np.float32)
