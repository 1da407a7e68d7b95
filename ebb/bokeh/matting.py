"""Edges finer than a pixel: pixels that hold a bit of two surfaces, taken apart.

Along the edge of a nearer surface the photo's pixels are mixtures, C = α·F + (1 − α)·B, while depth gives
each to one side. Left alone, the subject's share would smear into the blurred background as a halo, and a
sharp subject would have a staircase for an edge.

Two things tell α. The smoothed edge of the depth map does, to about 0.11. And colour does: with the means F
and B of the pixels further in on either side, α is the projection of C on the line between them, as in
Bayesian matting (Chuang et al., "A Bayesian approach to digital matting", CVPR 2001), with a variance that
the texture of both sides sets. The two are averaged by inverse variance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Mask, RgbLinear

STEP_PX = 1.5
"""A larger change of coc between neighbours is an edge."""
SAME_PX = 0.75
"""Pixels this close in coc to a side of the edge belong to it."""
OUTLINE_SIGMA_PX = 0.5
"""Smoothing of the depth map's edge that comes nearest to true coverage (measured on curved edges)."""
OUTLINE_VARIANCE = 0.11**2
"""Of opacity from that: an edge crosses its pixel anywhere."""
COLOUR_VARIANCE = 0.02**2
"""Of the photo's colours, on top of the texture."""
REACH = 2
"""Pixels to each side that are looked at."""
CHUNK = 16384
"""Edge pixels taken apart at a time: bounds the memory."""
_OFFSETS = np.indices((2 * REACH + 1, 2 * REACH + 1)).reshape(2, -1).T - REACH
_SQUARED_DISTANCES = np.square(_OFFSETS).sum(axis=1).astype(np.float32)


class Matte(NamedTuple):
    """The photo with its edge pixels taken apart; other pixels are as they were, with opacity 1."""

    rgb: RgbLinear
    """(H, W, 3) colour of the nearer surface."""
    coc: NDArray[np.float32]
    """(H, W) its signed blur diameter."""
    opacity: NDArray[np.float32]
    """(H, W) its share of the pixel."""
    beneath: Mask
    """(H, W) True on the far side of edges: there ``behind_*`` hold the farther surface."""
    behind_rgb: RgbLinear
    """(H, W, 3) colour of the farther surface."""
    behind_coc: NDArray[np.float32]
    """(H, W) its signed blur diameter."""


def without_highlights(photo: RgbLinear) -> RgbLinear:
    """The photo with small bright spots, under 7 px and above 1, taken down to 1 or to what is around them.

    A lamp beside an edge says nothing of what the edge hides; a bright sky does.
    """
    import cv2

    if float(photo.max()) <= 1:
        return photo
    around = np.asarray(cv2.morphologyEx(photo, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8)), np.float32)
    return np.minimum(photo, np.maximum(around, 1))


def split_edges(photo: RgbLinear, coc: NDArray[np.float32]) -> Matte:
    """Take the pixels on both sides of every depth edge apart.

    Args:
        photo: (H, W, 3) linear light.
        coc: (H, W) signed blur diameter in pixels, negative in front.
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
    rim &= (photo <= calm).all(axis=2)  # a highlight stays whole, with the side that depth gives it to
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
    """Write both sides of some edge pixels, given by flat index, into ``matte``."""
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
    """Colours on one side of each of N edge pixels, (N, 3); the variance, (N, 1), is the channels' mean."""

    mean: RgbLinear
    variance: NDArray[np.float32]
    low: RgbLinear
    high: RgbLinear


class _Framed(NamedTuple):
    """Photo (P, 3), coc and edge pixels (P,), flat and with a repeated frame, so neighbours are offsets."""

    rgb: NDArray[np.float32]
    coc: NDArray[np.float32]
    rim: NDArray[np.bool_]
    shape: tuple[int, int]

    @classmethod
    def of(cls, rgb: RgbLinear, coc: NDArray[np.float32], rim: Mask) -> _Framed:
        """Add the frame."""
        frame = ((REACH, REACH), (REACH, REACH))
        framed = np.pad(rgb, (*frame, (0, 0)), mode="edge").reshape(-1, 3)
        height, width = coc.shape
        flat_coc, flat_rim = np.pad(coc, frame, mode="edge").ravel(), np.pad(rim, frame, mode="edge").ravel()
        return cls(framed, flat_coc, flat_rim, (height, width))

    def around(self, pixels: NDArray[np.intp]) -> _Around:
        """Look around N pixels given by flat index in the photo."""
        rows, columns = np.divmod(pixels, self.shape[1])
        stride = self.shape[1] + 2 * REACH
        middle = (rows + REACH) * stride + columns + REACH
        places = middle + (_OFFSETS[:, :1] * stride + _OFFSETS[:, 1:])
        return _Around(self.rgb[places], self.coc[places], self.rim[places])


class _Around(NamedTuple):
    """The K = 25 pixels around each of N edge pixels: (K, N, 3), (K, N), (K, N)."""

    rgb: NDArray[np.float32]
    coc: NDArray[np.float32]
    rim: NDArray[np.bool_]

    def outline(self, middle_coc: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 1) share of the nearer side: its mask, smoothed."""
        weights = np.exp(-_SQUARED_DISTANCES / (2 * OUTLINE_SIGMA_PX**2))
        nearer = (self.coc < middle_coc).astype(np.float32)
        return np.asarray((weights / weights.sum()) @ nearer, np.float32)[:, None]

    def side(self, side_coc: NDArray[np.float32]) -> _Side:
        """Statistics of one side, nearest pixels first; pure pixels count far more than edge pixels."""
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
    """(N, 1) share of the front, from the outline and from colour."""
    axis = front.mean - back.mean
    contrast = np.square(axis).sum(axis=1, keepdims=True) + np.float32(1e-9)
    projected = np.clip(((mixed - back.mean) * axis).sum(axis=1, keepdims=True) / contrast, 0, 1)
    texture = outline**2 * front.variance + (1 - outline) ** 2 * back.variance
    doubt = (texture + COLOUR_VARIANCE) / contrast
    share = (projected * OUTLINE_VARIANCE + outline * doubt) / (OUTLINE_VARIANCE + doubt)
    return np.asarray(share, np.float32)
