"""Batches of patches from stored photos, random but determined by seed and step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import torch  # noqa: TID253 - only imported by training

from ebb.bokeh.depth_upsampling import without_mixtures
from ebb_train.lens.depth_errors import corrupt_pair
from ebb_train.lens.network import CONTRAST_PLANE, STEP_PLANE
from ebb_train.lens.planes import LEAST_STEP, edge_maps, input_planes
from ebb_train.lens.samples import training_errors
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from ebb.arrays import InverseDepth
    from ebb_train.lens.planes import EdgeMaps
    from ebb_train.lens.shards import LensSet

Number = TypeVar("Number", np.uint8, np.float32)

ON_EDGES = 0.8
"""Share of the patches that are near an edge of the depth."""
SNAPPED = 0.25
"""Probability that the edges of the wrong depth are made steep, as before rendering a photo."""
FRAME_PX = 20
"""Pixels around a patch that are drawn with it, as the planes depend on their surroundings."""
EDGE = 10
"""Difference of inverse depth, in steps of 8 bits, above which there is an edge."""
_STRIDE = 4
"""Subsampling of the map in which edges are looked for; the sides of stored photos are multiples of it."""


class PatchBatch(NamedTuple):
    """Inputs and truth."""

    planes: Tensor
    """(N, 8, H, W), as the network takes them."""
    share: Tensor
    """(N, 1, H, W), true share of the nearer surface."""

    @property
    def step(self) -> Tensor:
        """(N, 1, H, W), difference of the surfaces' inverse depth."""
        return self.planes[:, STEP_PLANE : STEP_PLANE + 1]

    @property
    def contrast(self) -> Tensor:
        """(N, 1, H, W), distance of the surfaces' colours."""
        return self.planes[:, CONTRAST_PLANE : CONTRAST_PLANE + 1]


def draw_batch(source: LensSet, seed: int, step: int, batch: int, side: int) -> PatchBatch:
    """Draw the patches of a step.

    Args:
        source: Stored photos.
        seed: Of the run.
        step: Number of the step; with the seed it determines the batch.
        batch: Number of patches.
        side: Side of the patches in pixels, a multiple of 8.
    """
    rng = np.random.default_rng([seed, step])
    drawn = [_draw_patch(source, rng, side) for _ in range(batch)]
    return PatchBatch(*(torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True)))


def true_share(edges: EdgeMaps, depth: InverseDepth) -> NDArray[np.float32]:
    """Share of the nearer surface, (H, W) in [0, 1], that gives a depth between low and high."""
    share = (depth - edges.low) / np.maximum(edges.step, np.float32(LEAST_STEP))
    return np.asarray(np.clip(share, 0, 1), np.float32)


def _draw_patch(
    source: LensSet, rng: np.random.Generator, side: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Planes and share of one patch, randomly mirrored, turned and with permuted colours."""
    framed = min(side + 2 * FRAME_PX, source.plan.side)
    scene = int(rng.integers(len(source)))
    top, left = _place(source.outline(scene, _STRIDE), rng, framed)
    photo, exact = source.read(scene, np.s_[top : top + framed, left : left + framed])
    colours, turns, flipped = rng.permutation(3), int(rng.integers(4)), rng.random() < 0.5

    def turn(maps: NDArray[Number]) -> NDArray[Number]:
        turned = np.rot90(maps, turns)
        return np.ascontiguousarray(turned[:, ::-1] if flipped else turned)

    wrong, aligned = corrupt_pair(turn(exact), training_errors(rng), rng)
    if rng.random() < SNAPPED:
        for _ in range(int(rng.integers(1, 4))):
            wrong = without_mixtures(wrong)
    edges = edge_maps(wrong)
    planes = input_planes(to_unit(turn(photo[..., colours])), edges)
    start = (framed - side) // 2
    window = np.s_[:, start : start + side, start : start + side]
    return planes[window], true_share(edges, aligned)[None][window]


def _place(depth: NDArray[np.uint8], rng: np.random.Generator, side: int) -> tuple[int, int]:
    """Top left corner of a patch, mostly near an edge of a map that is reduced by the stride."""
    import cv2

    most = len(depth) * _STRIDE - side
    corner = rng.integers(0, most + 1, 2)
    choice, rank = rng.random(), rng.random()
    aside = rng.integers(-side // 3, side // 3 + 1, 2)
    edge = np.asarray(cv2.morphologyEx(depth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))) > EDGE
    found = np.argwhere(edge)
    if choice < ON_EDGES and len(found):
        corner = np.clip(found[int(rank * len(found))] * _STRIDE - side // 2 + aside, 0, most)
    return int(corner[0]), int(corner[1])
