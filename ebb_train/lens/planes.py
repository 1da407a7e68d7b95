"""Input of the repair network: the surfaces that meet around each pixel, and what colour says about them.

A pixel near an edge of the depth belongs to the nearer or to the farther surface. Its colour is compared with
the mean colours of both sides, as in matting: the share is the projection on the line between them (Chuang et
al., "A Bayesian approach to digital matting", CVPR 2001, without the variances). The means are taken over a
small window, and over a larger one at some distance from the edge, which may be in the wrong place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb_train.pixels import Floats

REACH_PX = 12
"""How far an edge may be from where the map has it."""
LEAST_STEP = 0.03
"""Difference of inverse depth, of a range of [0, 1], below which there is no edge to be moved."""
SURE = 0.25
"""Distance of the share from 0 or 1 up to which a pixel tells the colour of its surface."""
NEAR_WINDOW_PX, FAR_WINDOW_PX = 8, 16
"""Radii of the windows of the mean colours."""
FROM_EDGE_PX = 4
"""Distance from the edge of the pixels of the larger window."""
AT_EDGE = 0.02
"""Weight of pixels closer to the edge in that window."""
ANY = 2e-4
"""Weight of all other pixels, for windows without pixels of a surface."""
COLOUR_NOISE = 0.003
"""Added to the squared distance of the colours, of a range of [0, 1]."""


class EdgeMaps(NamedTuple):
    """The two surfaces around each pixel; all (H, W)."""

    low: NDArray[np.float32]
    """Lowest inverse depth around the pixel."""
    step: NDArray[np.float32]
    """Difference of the highest and the lowest."""
    share: NDArray[np.float32]
    """Place of the pixel's inverse depth between them, in [0, 1]; ½ where they are equal."""

    @property
    def is_edge(self) -> NDArray[np.bool_]:
        """Where the network may change the depth."""
        return np.asarray(self.step > LEAST_STEP)


def edge_maps(depth: NDArray[np.float32], factor: int = 1) -> EdgeMaps:
    """Find the surfaces around each pixel.

    Args:
        depth: (H, W), inverse depth in [0, 1].
        factor: Size of the map relative to that at which errors are at most :data:`REACH_PX`.
    """
    import cv2

    side = 2 * factor * REACH_PX + 1
    window = np.ones((side, side), np.uint8)
    low = np.asarray(cv2.erode(depth, window), np.float32)
    step = np.asarray(cv2.dilate(depth, window), np.float32) - low
    least = np.float32(0.3 * LEAST_STEP)
    share = np.where(step > least, (depth - low) / np.maximum(step, least), np.float32(0.5))
    return EdgeMaps(low, step, np.asarray(share, np.float32))


def input_planes(photo: Floats, edges: EdgeMaps) -> NDArray[np.float32]:
    """Input of the network for one photo.

    Args:
        photo: (H, W, 3), sRGB, in [0, 1].
        edges: Of its depth.

    Returns:
        (8, H, W): photo − ½ (3), step, share − ½, shares by colour − ½ in the small and the large window,
        and the distance of the colours in the latter.
    """
    nearer, farther = (mask.astype(np.float32) for mask in (edges.share > 1 - SURE, edges.share < SURE))
    sure = _from_edge(nearer, edges), _from_edge(farther, edges)
    planes = np.empty((8, *edges.share.shape), np.float32)
    planes[:3] = np.moveaxis(photo, -1, 0) - np.float32(0.5)
    planes[3], planes[4] = edges.step, edges.share - np.float32(0.5)
    planes[5], _ = colour_share(photo, nearer, farther, NEAR_WINDOW_PX)
    planes[6], planes[7] = colour_share(photo, *sure, FAR_WINDOW_PX)
    planes[5:7] -= np.float32(0.5)
    return planes


def colour_share(
    photo: Floats, nearer: NDArray[np.float32], farther: NDArray[np.float32], radius: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Share of the nearer surface in each pixel by its colour, and the distance of both surfaces' colours.

    The mean colours are computed at half the size.

    Args:
        photo: (H, W, 3), in [0, 1].
        nearer: (H, W), weights of the pixels that tell the colour of the nearer surface.
        farther: Likewise, of the farther one.
        radius: Of the window of the means, in pixels.

    Returns:
        The share, clipped to [−½, 1½], and the distance; both (H, W).
    """
    import cv2

    height, width = nearer.shape
    half = (max(1, width // 2), max(1, height // 2))
    small = np.asarray(cv2.resize(photo, half, interpolation=cv2.INTER_AREA), np.float32)
    front, back = (_mean_colour(small, weights, radius // 2) for weights in (nearer, farther))
    axis = front - back
    squared = np.square(axis).sum(axis=2)
    slope = np.empty((half[1], half[0], 4), np.float32)
    np.divide(axis, (squared + np.float32(COLOUR_NOISE))[..., None], out=slope[..., :3])
    slope[..., 3] = -(slope[..., :3] * back).sum(axis=2)

    def enlarged(maps: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.resize(maps, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)

    slope = enlarged(slope)
    share = slope[..., 3] + photo[..., 0] * slope[..., 0]
    share += photo[..., 1] * slope[..., 1]
    share += photo[..., 2] * slope[..., 2]
    return np.clip(share, -0.5, 1.5), enlarged(np.sqrt(squared))


def _mean_colour(small: Floats, weights: NDArray[np.float32], radius: int) -> Floats:
    """Weighted mean colour in a window around each pixel of a small photo (h, w, 3)."""
    import cv2

    height, width = small.shape[:2]
    weight = np.asarray(cv2.resize(weights, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    weighted = np.empty((height, width, 4), np.float32)
    weighted[..., 3] = weight + np.float32(ANY)
    np.multiply(small, weighted[..., 3:], out=weighted[..., :3])
    sums = np.asarray(cv2.blur(weighted, (2 * radius + 1, 2 * radius + 1)), np.float32)
    return np.asarray(sums[..., :3] / sums[..., 3:], np.float32)


def _from_edge(mask: NDArray[np.float32], edges: EdgeMaps) -> NDArray[np.float32]:
    """Weights of the pixels of a surface that are at some distance from its edge; little of the others."""
    import cv2

    side = 2 * FROM_EDGE_PX + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    inside = cv2.erode(np.where(edges.is_edge, mask, np.float32(1)), disc)
    return np.asarray(mask * (inside + np.float32(AT_EDGE)), np.float32)
