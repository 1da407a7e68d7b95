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
LAMP_PX = 7
"""Width of the smallest highlight that may be a surface rather than a lamp."""
CHUNK = 2048
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
    """Reduce small highlights, above 1 and below :data:`LAMP_PX`, to 1 or the level of their surroundings.

    A lamp next to an edge is no evidence of the hidden surface; a bright sky is.
    """
    if float(photo.max()) <= 1:
        return photo
    return np.minimum(photo, np.maximum(opened(photo, LAMP_PX), 1))


def opened(photo: RgbLinear, window_px: int) -> RgbLinear:
    """Photo without bright details that are narrower than a window (morphological opening)."""
    import cv2

    window = np.ones((window_px, window_px), np.uint8)
    return np.asarray(cv2.morphologyEx(photo, cv2.MORPH_OPEN, window), np.float32)


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
    matte = Matte(
        photo.copy(),
        coc.copy(),
        np.ones_like(coc),
        np.zeros(coc.shape, np.bool_),
        np.zeros_like(photo),
        np.zeros_like(coc),
    )
    calm = without_highlights(photo)
    steep = np.flatnonzero(np.maximum(farthest - coc, coc - nearest) > STEP_PX)
    where = steep[~_differ(photo, calm, steep)]  # highlights are not separated
    if not where.size:
        return matte
    own, near, far = (array.ravel()[where] for array in (coc, nearest, farthest))
    nearer = far - own > own - near
    near_coc, far_coc = np.where(nearer, own, near), np.where(nearer, far, own)
    framed = _Framed.of(calm, coc, where)
    for start in range(0, where.size, CHUNK):
        part = slice(start, start + CHUNK)
        _split(matte, framed.around(where[part]), where[part], near_coc[part], far_coc[part])
    return matte


def _differ(photo: RgbLinear, calm: RgbLinear, pixels: NDArray[np.intp]) -> Mask:
    """Whether any channel of the pixels, given by flat index, is brighter than in the calm photo."""
    if photo is calm:
        return np.zeros(pixels.size, np.bool_)
    return np.asarray((photo.reshape(-1, 3)[pixels] > calm.reshape(-1, 3)[pixels]).any(axis=1), np.bool_)


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
    mixed, nearer = rgb[pixels].T, matte.coc.ravel()[pixels] == near_coc
    share = _opacity(mixed, front, back, around.outline((near_coc + far_coc) * np.float32(0.5)))
    exact_front = np.clip((mixed - (1 - share) * back.mean) / np.maximum(share, 0.5), front.low, front.high)
    exact_back = np.clip((mixed - share * front.mean) / np.maximum(1 - share, 0.5), back.low, back.high)
    rgb[pixels] = np.where(nearer, exact_front, front.mean).T
    behind_rgb[pixels] = np.where(nearer, np.float32(0), exact_back).T
    matte.coc.flat[pixels] = near_coc
    matte.behind_coc.flat[pixels] = np.where(nearer, np.float32(0), far_coc)
    matte.opacity.flat[pixels], matte.beneath.flat[pixels] = share, ~nearer


class _Side(NamedTuple):
    """Colour statistics, (3, N), of one side of N edge pixels; the variance, (N,), is the channel mean."""

    mean: NDArray[np.float32]
    variance: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


class _Framed(NamedTuple):
    """Flattened photo (3, P), coc and edge mask (P,) with a replicated frame; neighbours are offsets."""

    rgb: NDArray[np.float32]
    coc: NDArray[np.float32]
    rim: NDArray[np.bool_]
    width: int
    """Width of the photo without the frame."""

    @classmethod
    def of(cls, rgb: RgbLinear, coc: NDArray[np.float32], edge: NDArray[np.intp]) -> _Framed:
        """Add the frame and flatten; the edge pixels are given by flat index."""
        rim = np.zeros(coc.shape, np.bool_)
        rim.flat[edge] = True
        planes = [np.pad(array, REACH, mode="edge").ravel() for array in (*np.moveaxis(rgb, -1, 0), coc, rim)]
        return cls(np.stack(planes[:3]), planes[3], planes[4], coc.shape[1])

    def around(self, pixels: NDArray[np.intp]) -> _Around:
        """Neighbourhoods of N pixels, given by their flat index in the photo."""
        rows, columns = np.divmod(pixels, self.width)
        stride = self.width + 2 * REACH
        middle = (rows + REACH) * stride + columns + REACH
        places = middle + (_OFFSETS[:, :1] * stride + _OFFSETS[:, 1:])
        return _Around(np.stack([plane[places] for plane in self.rgb], 1), self.coc[places], self.rim[places])


class _Around(NamedTuple):
    """Neighbourhoods of K = 25 pixels around N edge pixels: (K, 3, N), (K, N), (K, N)."""

    rgb: NDArray[np.float32]
    coc: NDArray[np.float32]
    rim: NDArray[np.bool_]

    def outline(self, middle_coc: NDArray[np.float32]) -> NDArray[np.float32]:
        """Coverage by the nearer side, (N,), from its smoothed mask."""
        weights = np.exp(-_SQUARED_DISTANCES / (2 * OUTLINE_SIGMA_PX**2))
        nearer = (self.coc < middle_coc).astype(np.float32)
        return np.asarray((weights / weights.sum()) @ nearer, np.float32)

    def side(self, side_coc: NDArray[np.float32]) -> _Side:
        """Colour statistics of one side, weighted by distance; edge pixels have a small weight."""
        own = np.abs(self.coc - side_coc) < SAME_PX
        closeness = (1 / (_SQUARED_DISTANCES + 1))[:, None]
        weights = own * closeness * np.where(self.rim, np.float32(1e-4), np.float32(1))
        weights /= weights.sum(axis=0)
        mean = np.einsum("kn,kcn->cn", weights, self.rgb)
        squares = np.einsum("kn,kcn,kcn->n", weights, self.rgb, self.rgb) / 3
        variance = np.maximum(squares - np.square(mean).mean(axis=0), 0)
        outside = np.where(own, np.float32(0), np.float32(np.inf))[:, None]
        return _Side(mean, variance, (self.rgb + outside).min(axis=0), (self.rgb - outside).max(axis=0))


def _opacity(
    mixed: NDArray[np.float32], front: _Side, back: _Side, outline: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Opacity of the foreground, (N,), from the outline and from colour."""
    axis = front.mean - back.mean
    contrast = np.square(axis).sum(axis=0) + np.float32(1e-9)
    projected = np.clip(((mixed - back.mean) * axis).sum(axis=0) / contrast, 0, 1)
    texture = outline**2 * front.variance + (1 - outline) ** 2 * back.variance
    doubt = (texture + COLOUR_VARIANCE) / contrast
    share = (projected * OUTLINE_VARIANCE + outline * doubt) / (OUTLINE_VARIANCE + doubt)
    return np.asarray(share, np.float32)
