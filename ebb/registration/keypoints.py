"""SIFT keypoints that survive blur: the weak ones are found too, and the budget is spread over the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.arrays import Size
from ebb.geometry.homography import apply
from ebb.geometry.pixel_grid import grid_cells, resize_homography

if TYPE_CHECKING:
    from collections.abc import Sequence

    import cv2
    from numpy.typing import NDArray

    from ebb.arrays import Descriptors, Gray8, Points2d
    from ebb.geometry.pixel_grid import Scale

CONTRAST_THRESHOLD = 0.005
"""Far below Lowe's 0.03: a shallow photo keeps few keypoints above that, and the budget drops the noise."""

CELLS_PER_SIDE = 8
"""The budget is shared between the cells of this grid over the frame."""

CANDIDATES_PER_KEPT = 1.5
"""How many of the strongest keypoints are described and compete for each place in the budget."""

SIGMA_FLOOR_PX = 0.1
"""Standard deviation of the location of the smallest keypoints, measured on rendered pairs."""

SIGMA_PER_SIZE = 0.03
"""Growth of that standard deviation with the diameter of the keypoint, measured on the same pairs."""


@dataclass(frozen=True)
class Keypoints:
    """What was found in one photo; row i of every array is keypoint i.

    Attributes:
        points: (N, 2), locations.
        descriptors: (N, 128), RootSIFT, unit length.
        sizes: (N,), diameters of the described blobs in pixels.
    """

    points: Points2d
    descriptors: Descriptors
    sizes: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.points)

    def at_scale(self, scale: Scale) -> Keypoints:
        """The same keypoints in the pixels of the photo resized by ``scale``."""
        points = apply(resize_homography(scale), self.points).astype(np.float32)
        return Keypoints(points, self.descriptors, self.sizes * np.float32(np.mean(scale)))

    @property
    def sigmas_px(self) -> NDArray[np.float64]:
        """(N,), expected standard deviation of each location in pixels: large blobs are located less well."""
        return np.hypot(SIGMA_FLOOR_PX, SIGMA_PER_SIZE * self.sizes.astype(np.float64))


def detect(gray: Gray8, max_keypoints: int, contrast: float = CONTRAST_THRESHOLD) -> Keypoints:
    """Find SIFT keypoints and describe them with RootSIFT.

    Detection runs once at a low contrast threshold and costs little more than at Lowe's; only the strongest
    are described, in the same pass over the pyramid.

    Args:
        gray: (height, width), any exposure.
        max_keypoints: Keep at most this many; 8 x 8 cells of the frame share them.
        contrast: Weakest keypoints to find, on Lowe's scale.

    Returns:
        The keypoints, strongest of each cell first; none for a photo without texture.
    """
    import cv2

    # Without the precise upscale every location is biased by a quarter pixel.
    sift = cv2.SIFT.create(
        nfeatures=round(CANDIDATES_PER_KEPT * max_keypoints),
        contrastThreshold=contrast,
        enable_precise_upscale=True,
    )
    found, descriptors = sift.detectAndCompute(gray, None)
    if len(found) == 0:
        return Keypoints(*(np.empty(shape, np.float32) for shape in ((0, 2), (0, 128), (0,))))
    points, sizes = _locations(found), _numbers([keypoint.size for keypoint in found])
    kept = spread(points, _numbers([keypoint.response for keypoint in found]), gray.shape, max_keypoints)
    return Keypoints(points[kept], root_sift(np.asarray(descriptors, np.float32)[kept]), sizes[kept])


def root_sift(descriptors: NDArray[np.float32]) -> Descriptors:
    """Turn SIFT histograms into RootSIFT, whose dot product is the Bhattacharyya coefficient.

    L1-normalise, then take the square root (Arandjelović and Zisserman, CVPR 2012, section 2).

    Args:
        descriptors: (N, 128), not negative, any scale.

    Returns:
        (N, 128), float32, rows of unit length; an all-zero row stays zero.
    """
    total = descriptors.sum(axis=1, keepdims=True)
    return np.asarray(np.sqrt(descriptors / np.maximum(total, np.finfo(np.float32).tiny)))


def spread(
    points: Points2d, responses: NDArray[np.float32], shape: tuple[int, ...], max_keypoints: int
) -> NDArray[np.int64]:
    """Choose keypoints round-robin over a grid: the strongest of every cell, then every second strongest, ….

    Cells with few keypoints keep them all, so that one textured corner does not take the budget. Only the
    strongest of the frame take part: spreading over everything found filled blurred cells with noise and
    halved the matches.

    Args:
        points: (N, 2).
        responses: (N,), detector response; larger is stronger.
        shape: Height and width of the frame.
        max_keypoints: How many to keep at most.

    Returns:
        Indices of the kept points; equal inputs in any order choose the same points in the same order.
    """
    strongest_first = np.lexsort((points[:, 0], points[:, 1], -responses))
    strongest_first = strongest_first[: round(CANDIDATES_PER_KEPT * max_keypoints)]
    cells = _cell_of(points[strongest_first], shape)
    by_cell = np.argsort(cells, kind="stable")
    first_of_cell = np.searchsorted(cells[by_cell], np.arange(CELLS_PER_SIDE**2))
    rank_in_cell = np.empty(len(cells), np.int64)
    rank_in_cell[by_cell] = np.arange(len(cells)) - first_of_cell[cells[by_cell]]
    turns = np.argsort(rank_in_cell, kind="stable")
    return strongest_first[turns[:max_keypoints]]


def _cell_of(points: Points2d, shape: tuple[int, ...]) -> NDArray[np.int64]:
    height, width = shape[:2]
    columns, rows = grid_cells(points, Size(width, height), CELLS_PER_SIDE).T
    return np.asarray(rows * CELLS_PER_SIDE + columns)


def _locations(keypoints: Sequence[cv2.KeyPoint]) -> Points2d:
    return np.array([keypoint.pt for keypoint in keypoints], np.float32).reshape(-1, 2)


def _numbers(values: list[float]) -> NDArray[np.float32]:
    return np.array(values, np.float32)
